/* shape.h -- inside the core: arithmetic on shapes, strides, axes and indices. */
#ifndef GENLAT_SHAPE_H
#define GENLAT_SHAPE_H

#include "genlat.h"

/* ---- sizes ----
 *
 * The one place that adds and multiplies sizes. A tensor has at most GL_SIZE_MOST elements (gl_shape_check), so that
 * the sizes of one tensor may be multiplied freely, and bytes, or sums of a few, be counted; what comes from arguments,
 * or from more than one tensor, goes through these. */
#define GL_SIZE_MOST (INT64_MAX / 64)

/* False, with a message and a result of 0, where an operand is negative or the result is beyond GL_SIZE_MOST. */
bool gl_size_add(int64_t a, int64_t b, int64_t *sum);
bool gl_size_multiply(int64_t a, int64_t b, int64_t *product);
/* a * b, at most INT64_MAX, of numbers >= 0: for estimates of work. */
int64_t gl_size_work(int64_t a, int64_t b);
/* Room for n * m things of `size` bytes, by gl_alloc; of gl_calloc_array's all bytes are 0. */
void *gl_alloc_array(int64_t n, int64_t m, size_t size);
void *gl_calloc_array(int64_t n, int64_t m, size_t size);

/* ---- shapes ---- */

int64_t gl_shape_numel(int ndim, const int64_t *shape);
void gl_shape_strides(int ndim, const int64_t *shape, int64_t *stride); /* row-major */
bool gl_shape_check(int ndim, const int64_t *shape); /* sizes >= 1, at most GL_MAXDIM axes, no overflow */
/* The common shape of two broadcast ones (aligned at the last axis; 1 stretches), or false with a message. */
bool gl_shape_broadcast(const gl_tensor *a, const gl_tensor *b, int *ndim, int64_t *shape);

/* False, with a message, for a tensor that expand has stretched (several of its elements are one place in memory), and
 * for one whose values are a file's. */
bool gl_writable(const gl_tensor *t);

/* Axes and indices as users type them, from 1 or from the end (-1), to 0, 1, ... */
bool gl_axis(const gl_arg *arg, int ndim, int *axis);
bool gl_axes(const gl_arg *arg, int ndim,
             bool *chosen); /* none given, or an empty list: all; an axis given twice is an error */
bool gl_index(int64_t i, int64_t size, const char *what, int64_t *index);
/* The same for an element of a tensor of indices: a whole number in 1..size, compared as one, for a size that float32
 * rounds would let in what is beyond it. */
bool gl_index_value(double value, int64_t size, const char *what, int64_t *index);

/* Is x N x H x W x C? */
bool gl_is_images(const gl_tensor *x);

/* A list of one whole number, or of two (height, width), each at least `least`. */
bool gl_pair(const gl_arg *arg, int64_t least, const char *what, int64_t pair[2]);

/* The number of places of a window on n positions, floor((n + 2 padding - dilation (kernel - 1) - 1) / stride) + 1, or
 * false with a message that shows the formula with its numbers where that is less than 1, or where a number makes no
 * window. `what` names it: "output height". */
bool gl_window_size(int64_t n, int64_t kernel, int64_t stride, int64_t padding, int64_t dilation, const char *what,
                    int64_t *out);

/* A loop nest over up to four operands of one shape: axes of size 1 dropped and neighbours merged where all
 * operands allow it. Operand strides of 0 broadcast. */
enum { GL_NEST_MAX = 4 };
typedef struct gl_nest {
  int ndim; /* at least 1 */
  int64_t shape[GL_MAXDIM];
  int64_t stride[GL_NEST_MAX][GL_MAXDIM];
  int noperands;
  int64_t rows; /* product of all sizes but the last */
} gl_nest;
void gl_nest_make(gl_nest *nest, int ndim, const int64_t *shape, int noperands, const gl_tensor *const *operand);
/* Offsets, in elements from each operand's first, of row `row`. */
void gl_nest_offsets(const gl_nest *nest, int64_t row, int64_t *offset);

#endif
