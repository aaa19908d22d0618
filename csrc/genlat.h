/* genlat.h -- the core's API: tensor, tape, op, layer, optimizer, rng, error.
 *
 * Free of Lua: these functions can be linked into any C program.
 *
 * Conventions
 *   - A function that can fail returns NULL or false and leaves a message in the error slot (gl_error). The core never
 *     prints, aborts, exits or jumps. After an error the state is as before the call.
 *   - Tensors are row-major; images are N x H x W x C. In C, axes and indices count from 0; whatever a user types or
 *     reads (class labels, index tensors, axes in messages) counts from 1.
 *   - A returned gl_tensor* is one reference that belongs to the caller: give it back with gl_tensor_release.
 *   - A tensor, layer or optimizer, and all that a graph connects with it, is for one thread at a time; threads that
 *     share none of these may call the API side by side. Each has an error slot of its own. Its context (see below)
 *     has its random numbers, and whether operations are recorded. Memory and its counts, the number of threads, and
 *     what signals do are the whole process's.
 *   - genlat spreads the work over threads of its own (OpenMP). A process may fork: the child goes on, with threads of
 *     its own.
 */
#ifndef GENLAT_H
#define GENLAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GL_VERSION "0.1.0"

/* The real type. The library is built with float; the gradient checks build it a second time with double. */
#ifdef GL_FLOAT64
typedef double gl_real;
#else
typedef float gl_real;
#endif

#if defined(__GNUC__)
#define GL_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define GL_PRINTF(fmt, args)
#endif

/* ---- error ------------------------------------------------------------------------------------------------------ */

bool gl_fail(const char *format, ...) GL_PRINTF(1, 2); /* sets the message; always false: return gl_fail(...) */
bool gl_fail_in(const char *where);                    /* puts "where: " before the message; always false */
const char *gl_error(void);                            /* the last message, "" if none */

/* ---- memory ----------------------------------------------------------------------------------------------------- */

typedef struct gl_memory_info {
  size_t live;   /* bytes in use */
  size_t pooled; /* bytes of freed blocks kept for reuse */
  size_t peak;   /* the largest value of live so far */
} gl_memory_info;

void *gl_alloc(size_t bytes);  /* 64-byte aligned, not cleared; NULL when there is no memory */
void *gl_calloc(size_t bytes); /* the same, cleared */
void gl_free(void *block);     /* returns a block to the pool; NULL is allowed */
void gl_memory_trim(void);     /* gives the pool's blocks back to the system */
gl_memory_info gl_memory(void);
/* While something is built whose sizes come from elsewhere: this thread's allocations fail once they are more than
 * `bytes` together (SIZE_MAX: no limit), whatever is freed meanwhile. Returns whether the limit before was met. */
bool gl_memory_allow(size_t bytes);
/* For tests: the allocation after n more fails, once; n < 0: never. Returns how many more there would have been until
 * the one that was to fail before, less than 0 where it has failed. */
long gl_memory_fail_after(long n);

/* ---- context: what belongs to one user of the core, such as a Lua state ------------------------------------------ */

typedef struct gl_context {
  struct gl_rng *rng; /* behind gl_rng_default; NULL: the thread's own */
  bool recording;     /* see gl_recording */
} gl_context;

/* Makes c the calling thread's context, until the next call; c has to live as long. NULL: the thread's own, with which
 * each begins: recording, random numbers from seed 0 on. The binding does so for its Lua state wherever it matters, so
 * a program that calls the core itself in a thread where it also runs Lua chooses its context again afterwards. */
void gl_context_use(gl_context *c);
gl_context *gl_context_used(void); /* NULL: the thread's own */

/* ---- parallel --------------------------------------------------------------------------------------------------- */

int gl_threads(void);                 /* threads that large work is spread over */
bool gl_set_threads(int n);           /* n >= 1; false where there is no memory for so many */
bool gl_parallel_start(void);         /* to be called first: is there memory for OpenBLAS? Else its first call hangs */
const char *gl_blas_core(void);       /* the processor family OpenBLAS's kernels are for */
const char *gl_blas_config(void);     /* OpenBLAS's version and build options */
const char *gl_instruction_set(void); /* the vector instructions this build uses: "avx512", "avx2", "sse2", "neon" */

/* ---- random numbers: Philox4x32-10 (Salmon et al. 2011) ---------------------------------------------------------- */

typedef struct gl_rng {
  uint64_t seed;    /* the key */
  uint64_t counter; /* the next block of four 32-bit numbers */
} gl_rng;

gl_rng *gl_rng_default(void); /* the context's generator, behind gl.rand, dropout, sampling, ... */
void gl_philox(uint64_t seed, uint64_t stream, uint64_t counter, uint32_t out[4]);  /* one block */
void gl_rng_uniform(gl_rng *rng, gl_real *out, int64_t n, double low, double high); /* U[low, high) */
void gl_rng_normal(gl_rng *rng, gl_real *out, int64_t n, double mean, double std);  /* N(mean, std^2), Box-Muller */
void gl_rng_bernoulli(gl_rng *rng, gl_real *out, const gl_real *p, int64_t n); /* 1 with probability p[i], else 0 */
/* A permutation of 0 .. n-1 that depends on (seed, stream) only, such as (seed, epoch). */
void gl_rng_permutation(uint64_t seed, uint64_t stream, uint32_t *out, uint32_t n);

/* ---- tensor ----------------------------------------------------------------------------------------------------- */

enum { GL_MAXDIM = 8 };
/* float32 holds every whole number up to 2^24. Places and counts beyond are int64: what argmax, argmin, count_nonzero,
 * arange and randperm give there. Elements of int64 are set and read as doubles, so they stay within 2^53. */
typedef enum gl_dtype { GL_FLOAT, GL_UINT8, GL_INT64 } gl_dtype;
#define GL_WHOLE_MOST ((int64_t)1 << (sizeof(gl_real) == sizeof(float) ? 24 : 53))

typedef struct gl_backing { /* of memory that is not gl_alloc's and only read, such as a mapped file */
  void (*release)(void *data, size_t bytes);
  bool (*intact)(const void *data); /* are the values still what they were? If not, a message says why */
} gl_backing;

typedef struct gl_buffer { /* reference-counted storage; views share it */
  void *data;
  size_t bytes;
  int refs;
  unsigned version;          /* counts in-place changes, so that backward can tell that a saved tensor was changed */
  const gl_backing *backing; /* NULL: data is gl_alloc's */
} gl_buffer;

typedef struct gl_tensor {
  gl_buffer *buffer;
  int64_t offset; /* of the first element, in elements */
  gl_dtype dtype;
  int ndim; /* 0: a single number */
  int64_t shape[GL_MAXDIM], stride[GL_MAXDIM];
  int refs;
  bool requires_grad;        /* a leaf whose gradient is wanted, or the result of an op on one */
  struct gl_tensor *grad;    /* of a leaf: the sum of what backward has added since it was last cleared */
  struct gl_tensor *pending; /* of a leaf: what the backward that is under way has gathered */
  struct gl_node *node;      /* the op that made it, on the tape; NULL for a leaf */
} gl_tensor;

gl_tensor *gl_tensor_new(gl_dtype dtype, int ndim, const int64_t *shape); /* values undefined */
/* A tensor over `bytes` bytes that are there already, its first element first: a block of gl_alloc's, which it takes
 * over where it succeeds, or with a backing what only that gives back, and gl_memory does not count. */
gl_tensor *gl_tensor_over(gl_dtype dtype, int ndim, const int64_t *shape, void *data, size_t bytes,
                          const gl_backing *backing);
/* Are the values that were read from t still what they were? False, with a message, where a file that it is mapped from
 * was cut short or changed meanwhile: to be asked after reading, before anybody uses what was read. Operations do. */
bool gl_tensor_intact(const gl_tensor *t);
gl_tensor *gl_tensor_full(int ndim, const int64_t *shape, double value);
gl_tensor *gl_tensor_scalar(double value);
gl_tensor *gl_tensor_like(const gl_tensor *t); /* same shape and dtype, contiguous, values undefined */
gl_tensor *gl_tensor_retain(gl_tensor *t);
void gl_tensor_release(gl_tensor *t); /* NULL is allowed */
/* A view with its own shape and strides on t's buffer. */
gl_tensor *gl_tensor_view(const gl_tensor *t, int ndim, const int64_t *shape, const int64_t *stride, int64_t offset);
gl_tensor *gl_tensor_contiguous(gl_tensor *t); /* t itself (retained) where it is contiguous, else a copy */
/* A copy. To uint8 and int64: rounded, and clamped to 0..255 or -2^53..2^53; NaN becomes 0. To float: rounded. */
gl_tensor *gl_tensor_convert(const gl_tensor *t, gl_dtype dtype);
gl_tensor *gl_tensor_float(const gl_tensor *t); /* a float copy; fails where an int64 element would be rounded */
/* Element-wise, with broadcasting and conversion; int64 to float as gl_tensor_float. */
bool gl_tensor_copy(gl_tensor *to, const gl_tensor *from);
bool gl_tensor_fill(gl_tensor *t, double value);
bool gl_tensor_is_contiguous(const gl_tensor *t);
int64_t gl_tensor_numel(const gl_tensor *t);
gl_real *gl_tensor_data(const gl_tensor *t);               /* the first element of a float tensor */
uint8_t *gl_tensor_bytes(const gl_tensor *t);              /* the first element of a uint8 tensor */
int64_t *gl_tensor_places(const gl_tensor *t);             /* the first element of an int64 tensor */
double gl_tensor_get(const gl_tensor *t, int64_t i);       /* the i-th element in row-major order */
void gl_tensor_set(gl_tensor *t, int64_t i, double value); /* does not count as an in-place change */
void gl_tensor_touch(gl_tensor *t);                        /* counts an in-place change */

/* Images order[first] .. order[first + count - 1] (indices from 1) of an uint8 tensor N x ..., as floats in 0..1.
 * Binarized: each pixel 1 with its brightness as the probability, drawn anew each time (dynamic; Salakhutdinov & Murray
 * 2008), or 1 from one half on (threshold). */
typedef enum gl_binarize { GL_BINARIZE_NONE, GL_BINARIZE_DYNAMIC, GL_BINARIZE_THRESHOLD } gl_binarize;
gl_tensor *gl_batch(const gl_tensor *images, const gl_tensor *order, int64_t first, int64_t count, gl_binarize how);

/* Images N x H x W x C, each moved by a random whole number of pixels from -most to most down and to the right; what
 * comes in is 0. The limit: so that a random number of 32 bits times 2 most + 1 fits 64. */
enum { GL_SHIFT_MOST = 1 << 30 };
gl_tensor *gl_shift(const gl_tensor *images, int64_t most);

bool gl_same_shape(const gl_tensor *a, const gl_tensor *b);
const char *gl_shape_text(int ndim, const int64_t *shape); /* "64x28x28x1"; valid until four calls later */
const char *gl_tensor_text(const gl_tensor *t);            /* the same for a tensor */
size_t gl_dtype_size(gl_dtype dtype);
const char *gl_dtype_name(gl_dtype dtype);

/* ---- op and tape ------------------------------------------------------------------------------------------------ */

enum { GL_MAXARG = 10, GL_MAXSAVED = 2 };

typedef struct gl_list {
  int n;
  int64_t v[GL_MAXDIM];
} gl_list;

/* An argument that is not a tensor. Axes and indices count from 1, and from the end when negative, as a user types
 * them. */
typedef struct gl_arg {
  bool given;
  double f;       /* number */
  int64_t i;      /* whole number, or the place of the chosen word: 0, 1, ... */
  bool b;         /* true or false */
  double pair[2]; /* two numbers */
  gl_list list;   /* axes, sizes */
} gl_arg;

/* One application of an op: what its forward reads and makes and, once it is on the tape, what its backward needs. */
typedef struct gl_node {
  const struct gl_op *op;
  int nin;
  gl_tensor **in; /* the tensors in the signature's order; NULL for an optional one that was not given */
  gl_arg arg[GL_MAXARG];
  gl_tensor *out;                /* forward: the result. Backward: a view of it, if the op has GL_SAVES_OUT */
  gl_tensor *saved[GL_MAXSAVED]; /* what forward keeps for backward */
  unsigned *version;             /* of each input's buffer when it was recorded; one more for the result */
  gl_tensor *pending;            /* the gradient gathered so far */
  uint64_t sequence;             /* its place on the tape */
  uint64_t mark;                 /* the last backward that has seen it */
  bool done;                     /* backward was here and freed what it had */
} gl_node;

/* An operation: everything about it in one place.
 *   signature  "x:T weight:T bias:T? axes:L? p:F=0.5 reduction:W=batch|sum|mean|none keepdim:B=false"
 *              T tensor, T? optional tensor, T* list of tensors; F number, P pair of numbers, I whole number, L list
 *              of whole numbers (one will do), B true or false, W one of the words (the first is the default). Tensors
 *              come first.
 *   forward    reads n->in and n->arg; sets n->out and perhaps n->saved.
 *   backward   given the gradient with respect to n->out (contiguous), sets gin[i] to a new reference for each input
 *              for which gl_wants(n, i). It may write into gout if gl_tensor_is_own(gout). NULL: not differentiable.
 */
typedef struct gl_op {
  const char *name;
  const char *signature;
  const char *doc; /* one line with the formula */
  bool (*forward)(gl_node *n);
  bool (*backward)(gl_node *n, gl_tensor *gout, gl_tensor **gin);
  unsigned flags;
} gl_op;

enum {
  GL_SAVES_IN = 1,  /* backward reads the values of the inputs */
  GL_SAVES_OUT = 2, /* backward reads the values of the result */
  GL_IN_PLACE = 4,  /* changes its first input and returns it */
  GL_ANY_DTYPE = 8, /* takes uint8 and int64 tensors as they are; other ops see them by gl_tensor_float */
  GL_RANDOM = 16,   /* draws from gl_rng_default */
};

extern const gl_op *const gl_ops[]; /* the table of all ops, NULL-ended */
const gl_op *gl_op_find(const char *name);

gl_node *gl_node_new(const gl_op *op, int nin); /* inputs NULL, arguments at the signature's defaults */
void gl_node_free(gl_node *n);

/* Runs n's forward, and records it where recording is on and an input requires a gradient. n->in holds references of
 * its own. Takes n over, also on failure; returns the result or NULL. */
gl_tensor *gl_apply(gl_node *n);

bool gl_wants(const gl_node *n, int input); /* is the gradient with respect to this input needed? */
bool gl_tensor_is_own(const gl_tensor *t);  /* contiguous, and nobody else sees it or its buffer: may be overwritten */
bool gl_recording(void);                    /* does the context record? */
bool gl_set_recording(bool on);             /* returns the setting before */

/* Adds the gradient of loss to .grad of every leaf that requires one. loss has one element, unless seed, of its shape,
 * says how its elements are weighted. Frees what the nodes hold as it goes, unless retain. On failure no .grad has
 * changed. */
bool gl_backward(gl_tensor *loss, gl_tensor *seed, bool retain);
gl_tensor *gl_detach(const gl_tensor *t); /* a view of t that is a leaf and requires no gradient */

/* ---- layer: parameters and state around ops ---------------------------------------------------------------------- */

enum { GL_MAXPARAM = 4, GL_MAXBUFFER = 2 };

typedef struct gl_layer {
  const struct gl_layer_type *type;
  gl_arg arg[GL_MAXARG];
  gl_tensor *param[GL_MAXPARAM];   /* NULL where the layer has none of that name */
  gl_tensor *buffer[GL_MAXBUFFER]; /* state that is saved with the parameters but not trained; NULL as above */
  bool training;                   /* dropout and the like act differently in training */
} gl_layer;

/* A kind of layer: everything about it in one place, like an op's. */
typedef struct gl_layer_type {
  const char *name;
  const char *signature; /* as an op's, without tensors */
  const char *doc;
  const char *param[GL_MAXPARAM + 1];   /* names of the parameters, NULL-ended */
  const char *buffer[GL_MAXBUFFER + 1]; /* names of the buffers, NULL-ended */
  bool (*build)(gl_layer *l);           /* checks the arguments, makes and initializes both kinds; may be NULL */
  gl_tensor *(*forward)(gl_layer *l, gl_tensor *x);
} gl_layer_type;

extern const gl_layer_type *const gl_layer_types[];                   /* NULL-ended */
gl_layer *gl_layer_new(const gl_layer_type *type, const gl_arg *arg); /* in training */
void gl_layer_free(gl_layer *l);
gl_tensor *gl_layer_forward(gl_layer *l, gl_tensor *x);

/* ---- optimizer -------------------------------------------------------------------------------------------------- */

enum { GL_MAXSTATE = 2 };

typedef struct gl_optimizer {
  const struct gl_optimizer_type *type;
  gl_arg hyper[GL_MAXARG]; /* hyper[0] is the learning rate */
  int64_t steps;           /* calls of step so far */
  int nparam;
  gl_tensor **param;
  int64_t *taken;                 /* taken[i]: the steps in which parameter i had a gradient */
  gl_tensor **state[GL_MAXSTATE]; /* state[k][i]: the k-th of parameter i; zero at first */
} gl_optimizer;

/* A kind of optimizer. `prepare` computes what is the same for all elements of a parameter in its step number t (from
 * 1); `update` changes n elements from p[0] on. */
typedef struct gl_optimizer_type {
  const char *name;
  const char *signature; /* as an op's, without tensors */
  const char *doc;
  const char *state[GL_MAXSTATE + 1]; /* names, NULL-ended */
  void (*prepare)(const gl_optimizer *o, int64_t t, double *number);
  void (*update)(const double *number, int64_t n, gl_real *p, const gl_real *g, gl_real *s0, gl_real *s1);
} gl_optimizer_type;

enum { GL_MAXNUMBER = 8 }; /* numbers that prepare may set */

extern const gl_optimizer_type *const gl_optimizer_types[]; /* NULL-ended */
gl_optimizer *gl_optimizer_new(const gl_optimizer_type *type, const gl_arg *hyper, int nparam, gl_tensor **param);
bool gl_optimizer_check(const gl_optimizer_type *type, const gl_arg *hyper); /* settings make sense? */
void gl_optimizer_free(gl_optimizer *o);
/* One pass over all parameters. One without a gradient stays as it is, and does not count the step. */
void gl_optimizer_step(gl_optimizer *o);

/* Scales the gradients so that their common Euclidean length is at most max; returns the length before. */
double gl_clip_grad_norm(int nparam, gl_tensor **param, double max);
void gl_clip_grad_value(int nparam, gl_tensor **param, double max); /* clamps every element to -max..max */

#endif
