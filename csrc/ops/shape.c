/* shape.c -- ops that rearrange: views on the same buffer where possible, and joining. */
#include "ops/ops.h"

#include <string.h>

/* ---- the same elements under another shape ---- */

static gl_tensor *reshaped(gl_tensor *x, int ndim, const int64_t *shape) {
  int64_t stride[GL_MAXDIM];
  gl_shape_strides(ndim, shape, stride);
  gl_tensor *c = gl_tensor_contiguous(x);
  gl_tensor *view = c ? gl_tensor_view(c, ndim, shape, stride, c->offset) : NULL;
  gl_tensor_release(c);
  return view;
}

static bool reshape_backward(gl_node *n, gl_tensor *gout, gl_tensor **gin) {
  gin[0] = reshaped(gout, n->in[0]->ndim, n->in[0]->shape);
  return gin[0];
}

static bool reshape_forward(gl_node *n) {
  const gl_list *sizes = &n->arg[0].list;
  int64_t shape[GL_MAXDIM], known = 1, numel = gl_tensor_numel(n->in[0]);
  int open = -1;
  bool fits = true;
  for (int i = 0; i < sizes->n; i++) {
    shape[i] = sizes->v[i];
    if (shape[i] == -1 && open < 0)
      open = i;
    else if (shape[i] < 1)
      return gl_fail("size %lld of axis %d: sizes are at least 1, and one may be -1 (whatever is left)",
                     (long long)shape[i], i + 1);
    else if (shape[i] > numel / known)
      fits = false;
    else
      known *= shape[i];
  }
  if (open >= 0)
    shape[open] = numel / known;
  if (!fits || gl_shape_numel(sizes->n, shape) != numel)
    return gl_fail("%s has %lld elements, which do not make %s", gl_tensor_text(n->in[0]), (long long)numel,
                   gl_shape_text(sizes->n, sizes->v));
  n->out = reshaped(n->in[0], sizes->n, shape);
  return n->out;
}
GL_OP(reshape, "x:T sizes:L", GL_ANY_DTYPE, reshape_backward, "the same elements in another shape; one size may be -1");

static bool flatten_forward(gl_node *n) {
  const gl_tensor *x = n->in[0];
  int from = 0;
  if (x->ndim > 0 && !gl_axis(&n->arg[0], x->ndim, &from))
    return false;
  int64_t shape[GL_MAXDIM];
  memcpy(shape, x->shape, sizeof shape);
  shape[from] = gl_shape_numel(x->ndim - from, x->shape + from);
  n->out = reshaped(n->in[0], from + 1, shape);
  return n->out;
}
GL_OP(flatten, "x:T axis:I=1", GL_ANY_DTYPE, reshape_backward, "the axes from `axis` on made one");

static bool squeeze_forward(gl_node *n) {
  const gl_tensor *x = n->in[0];
  bool chosen[GL_MAXDIM];
  if (!gl_axes(&n->arg[0], x->ndim, chosen))
    return false;
  int64_t shape[GL_MAXDIM], stride[GL_MAXDIM];
  int ndim = 0;
  for (int i = 0; i < x->ndim; i++) {
    if (chosen[i] && x->shape[i] == 1)
      continue;
    shape[ndim] = x->shape[i];
    stride[ndim++] = x->stride[i];
  }
  n->out = gl_tensor_view(x, ndim, shape, stride, x->offset);
  return n->out;
}
GL_OP(squeeze, "x:T axis:L?", GL_ANY_DTYPE, reshape_backward, "x without its axes of size 1");

/* x with an axis of size 1 before its axis `at`. */
static gl_tensor *with_axis(const gl_tensor *x, int at) {
  int64_t shape[GL_MAXDIM + 1], stride[GL_MAXDIM + 1];
  for (int i = 0; i <= x->ndim; i++) {
    shape[i] = i == at ? 1 : x->shape[i - (i > at)];
    stride[i] = i == at ? 1 : x->stride[i - (i > at)];
  }
  return gl_tensor_view(x, x->ndim + 1, shape, stride, x->offset);
}

static bool new_axis(const gl_arg *arg, const gl_tensor *x, int *at) {
  if (x->ndim == GL_MAXDIM)
    return gl_fail("%s has %d axes already, the most there can be", gl_tensor_text(x), GL_MAXDIM);
  return gl_axis(arg, x->ndim + 1, at);
}

static bool unsqueeze_forward(gl_node *n) {
  int at;
  n->out = new_axis(&n->arg[0], n->in[0], &at) ? with_axis(n->in[0], at) : NULL;
  return n->out;
}
GL_OP(unsqueeze, "x:T axis:I", GL_ANY_DTYPE, reshape_backward, "x with a new axis of size 1 at `axis`");

/* ---- views that pick or turn ---- */

typedef gl_tensor *gl_viewer(const gl_tensor *x, const gl_arg *arg);

/* The gradient of a view: put into the same view of a tensor like x, whose other elements are 0. */
static bool view_backward(gl_node *n, gl_tensor *gout, gl_tensor **gin, gl_viewer *viewer, bool covers) {
  gl_tensor *g = gl_tensor_like(n->in[0]), *part = g ? viewer(g, n->arg) : NULL;
  bool ok = part && (covers || gl_tensor_fill(g, 0)) && gl_tensor_copy(part, gout);
  gl_tensor_release(part);
  if (ok)
    gin[0] = g;
  else
    gl_tensor_release(g);
  return ok;
}

#define VIEW(NAME, SIGNATURE, COVERS, DOC)                                                                             \
  static bool NAME##_forward(gl_node *n) {                                                                             \
    n->out = NAME##_view(n->in[0], n->arg);                                                                            \
    return n->out;                                                                                                     \
  }                                                                                                                    \
  static bool NAME##_backward(gl_node *n, gl_tensor *gout, gl_tensor **gin) {                                          \
    return view_backward(n, gout, gin, NAME##_view, COVERS);                                                           \
  }                                                                                                                    \
  GL_OP(NAME, SIGNATURE, GL_ANY_DTYPE, NAME##_backward, DOC)

static gl_tensor *permute_view(const gl_tensor *x, const gl_arg *arg) {
  bool seen[GL_MAXDIM];
  if (arg[0].list.n != x->ndim)
    return gl_fail("%d axes are named, %s has %d", arg[0].list.n, gl_tensor_text(x), x->ndim), NULL;
  if (!gl_axes(&arg[0], x->ndim, seen))
    return NULL;
  int64_t shape[GL_MAXDIM], stride[GL_MAXDIM];
  for (int i = 0; i < x->ndim; i++) {
    int64_t typed = arg[0].list.v[i], from = typed < 0 ? typed + x->ndim : typed - 1;
    shape[i] = x->shape[from];
    stride[i] = x->stride[from];
  }
  return gl_tensor_view(x, x->ndim, shape, stride, x->offset);
}
VIEW(permute, "x:T axes:L", true, "x with its axes in another order");

static gl_tensor *transpose_view(const gl_tensor *x, const gl_arg *arg) {
  int a, b;
  if (!gl_axis(&arg[0], x->ndim, &a) || !gl_axis(&arg[1], x->ndim, &b))
    return NULL;
  gl_tensor *t = gl_detach(x);
  if (t) {
    t->shape[a] = x->shape[b], t->stride[a] = x->stride[b];
    t->shape[b] = x->shape[a], t->stride[b] = x->stride[a];
  }
  return t;
}
VIEW(transpose, "x:T a:I=-2 b:I=-1", true, "x with axes a and b exchanged");

static gl_tensor *slice_view(const gl_tensor *x, const gl_arg *arg) {
  int axis;
  int64_t first, last, step = arg[3].i;
  if (!gl_axis(&arg[0], x->ndim, &axis) || !gl_index(arg[1].i, x->shape[axis], "first index", &first) ||
      !gl_index(arg[2].i, x->shape[axis], "last index", &last))
    return NULL;
  if (step < 1)
    return gl_fail("step %lld: a step is at least 1", (long long)step), NULL;
  if (last < first)
    return gl_fail("the last index, %lld, comes before the first, %lld", (long long)last + 1, (long long)first + 1),
           NULL;
  gl_tensor *t = gl_detach(x);
  if (t) {
    t->shape[axis] = (last - first) / step + 1;
    t->stride[axis] = x->stride[axis] * (t->shape[axis] > 1 ? step : 1);
    t->offset += first * x->stride[axis];
  }
  return t;
}
VIEW(slice, "x:T axis:I first:I=1 last:I=-1 step:I=1", false, "elements first, first + step, ... last of an axis");

static gl_tensor *select_view(const gl_tensor *x, const gl_arg *arg) {
  int axis;
  int64_t index;
  if (!gl_axis(&arg[0], x->ndim, &axis) || !gl_index(arg[1].i, x->shape[axis], "index", &index))
    return NULL;
  int64_t shape[GL_MAXDIM], stride[GL_MAXDIM];
  for (int i = 0, k = 0; i < x->ndim; i++)
    if (i != axis) {
      shape[k] = x->shape[i];
      stride[k++] = x->stride[i];
    }
  return gl_tensor_view(x, x->ndim - 1, shape, stride, x->offset + index * x->stride[axis]);
}
VIEW(select, "x:T axis:I index:I", false, "the part of x at one index of an axis, which goes away");

static bool expand_forward(gl_node *n) {
  const gl_tensor *x = n->in[0];
  const gl_list *sizes = &n->arg[0].list;
  gl_tensor target = {.ndim = sizes->n};
  int extra = sizes->n - x->ndim;
  for (int i = 0; i < sizes->n; i++)
    target.shape[i] = sizes->v[i] == -1 && i >= extra ? x->shape[i - extra] : sizes->v[i];
  int64_t stride[GL_MAXDIM];
  if (!gl_shape_check(target.ndim, target.shape))
    return false;
  for (int i = 0; i < sizes->n; i++) {
    int64_t own = i < extra ? 1 : x->shape[i - extra];
    if (own != 1 && own != target.shape[i])
      return gl_fail("%s does not stretch to %s", gl_tensor_text(x), gl_tensor_text(&target));
    stride[i] = own == 1 ? 0 : x->stride[i - extra];
  }
  if (extra < 0)
    return gl_fail("%s does not stretch to %s", gl_tensor_text(x), gl_tensor_text(&target));
  n->out = gl_tensor_view(x, target.ndim, target.shape, stride, x->offset);
  return n->out;
}

static bool expand_backward(gl_node *n, gl_tensor *gout, gl_tensor **gin) {
  gin[0] = gl_sum_to(gout, n->in[0]);
  return gin[0];
}
GL_OP(expand, "x:T sizes:L", GL_ANY_DTYPE, expand_backward, "x with its axes of size 1 stretched, without a copy");

/* ---- copies ---- */

static bool clone_forward(gl_node *n) {
  n->out = gl_tensor_convert(n->in[0], n->in[0]->dtype);
  return n->out;
}

static bool clone_backward(gl_node *n, gl_tensor *gout, gl_tensor **gin) {
  (void)n;
  gin[0] = gl_tensor_retain(gout);
  return true;
}
GL_OP(clone, "x:T", GL_ANY_DTYPE, clone_backward, "a copy of x");

static bool flip_forward(gl_node *n) {
  gl_tensor *x = gl_tensor_contiguous(n->in[0]);
  int axis;
  if (!x || !gl_axis(&n->arg[0], x->ndim, &axis) || !(n->out = gl_tensor_like(x))) {
    gl_tensor_release(x);
    return false;
  }
  gl_around v = gl_shape_around(x, axis);
  size_t size = (size_t)v.inner * gl_dtype_size(x->dtype);
  const char *from = (char *)x->buffer->data + (size_t)x->offset * gl_dtype_size(x->dtype);
  char *to = n->out->buffer->data;
  for (int64_t o = 0; o < v.outer; o++)
    for (int64_t i = 0; i < v.size; i++)
      memcpy(to + (size_t)(o * v.size + i) * size, from + (size_t)(o * v.size + v.size - 1 - i) * size, size);
  gl_tensor_release(x);
  return true;
}

static bool flip_backward(gl_node *n, gl_tensor *gout, gl_tensor **gin) {
  gl_node back = {.in = (gl_tensor *[]){gout}, .nin = 1};
  back.arg[0] = n->arg[0];
  bool ok = flip_forward(&back);
  gin[0] = back.out;
  return ok;
}
GL_OP(flip, "x:T axis:I", GL_ANY_DTYPE, flip_backward, "x with the order along an axis turned round");

/* The part of `whole` along axis that the tensor with `size` entries from `first` on takes. */
static gl_tensor *part_of(const gl_tensor *whole, int axis, int64_t first, int64_t size) {
  gl_tensor *part = gl_detach(whole);
  if (part) {
    part->shape[axis] = size;
    part->offset += first * whole->stride[axis];
  }
  return part;
}

/* Joins x[0], ..., x[count-1] along axis. */
static gl_tensor *joined(gl_tensor *const *x, int count, int axis) {
  int64_t shape[GL_MAXDIM];
  memcpy(shape, x[0]->shape, sizeof shape);
  for (int k = 1; k < count; k++) {
    for (int i = 0; i < x[0]->ndim; i++)
      if (x[k]->ndim != x[0]->ndim || (i != axis && x[k]->shape[i] != shape[i]))
        return gl_fail("tensor %d is %s, tensor 1 %s: they may differ along the joined axis (%d) only", k + 1,
                       gl_tensor_text(x[k]), gl_tensor_text(x[0]), axis + 1),
               NULL;
    if (x[k]->dtype != x[0]->dtype)
      return gl_fail("tensor %d is %s, tensor 1 %s", k + 1, gl_dtype_name(x[k]->dtype), gl_dtype_name(x[0]->dtype)),
             NULL;
    if (!gl_size_add(shape[axis], x[k]->shape[axis], &shape[axis]))
      return NULL;
  }
  gl_tensor *whole = gl_tensor_new(x[0]->dtype, x[0]->ndim, shape);
  for (int64_t k = 0, first = 0; whole && k < count; first += x[k++]->shape[axis]) {
    gl_tensor *part = part_of(whole, axis, first, x[k]->shape[axis]);
    bool ok = part && gl_tensor_copy(part, x[k]);
    gl_tensor_release(part);
    if (!ok) {
      gl_tensor_release(whole);
      whole = NULL;
    }
  }
  return whole;
}

static bool cat_forward(gl_node *n) {
  int axis;
  if (n->nin == 0)
    return gl_fail("the list of tensors is empty");
  if (!gl_axis(&n->arg[0], n->in[0]->ndim, &axis))
    return false;
  n->out = joined(n->in, n->nin, axis);
  return n->out;
}

static bool cat_backward(gl_node *n, gl_tensor *gout, gl_tensor **gin) {
  int axis;
  gl_axis(&n->arg[0], gout->ndim, &axis);
  int64_t first = 0;
  for (int k = 0; k < n->nin; k++) {
    int64_t size = n->in[k]->shape[axis];
    if (gl_wants(n, k) && !(gin[k] = part_of(gout, axis, first, size)))
      return false;
    first += size;
  }
  return true;
}
GL_OP(cat, "tensors:T* axis:I=1", GL_ANY_DTYPE, cat_backward, "the tensors one after the other along an axis");

static bool stack_forward(gl_node *n) {
  int axis;
  if (n->nin == 0)
    return gl_fail("the list of tensors is empty");
  gl_tensor **x = gl_calloc_array(n->nin, 1, sizeof *x);
  bool ok = x && new_axis(&n->arg[0], n->in[0], &axis);
  for (int k = 0; k < n->nin && ok; k++) {
    ok = gl_same_shape(n->in[k], n->in[0]) ||
         gl_fail("tensor %d is %s, tensor 1 %s", k + 1, gl_tensor_text(n->in[k]), gl_tensor_text(n->in[0]));
    ok = ok && (x[k] = with_axis(n->in[k], axis));
  }
  n->out = ok ? joined(x, n->nin, axis) : NULL;
  for (int k = 0; x && k < n->nin; k++)
    gl_tensor_release(x[k]);
  gl_free(x);
  return n->out;
}

static bool stack_backward(gl_node *n, gl_tensor *gout, gl_tensor **gin) {
  int axis;
  gl_axis(&n->arg[0], gout->ndim, &axis);
  gl_arg at[2] = {{.i = axis + 1}, {0}};
  for (int k = 0; k < n->nin; k++) {
    at[1].i = k + 1;
    if (gl_wants(n, k) && !(gin[k] = select_view(gout, at)))
      return false;
  }
  return true;
}
GL_OP(stack, "tensors:T* axis:I=1", GL_ANY_DTYPE, stack_backward,
      "tensors of one shape, side by side along a new axis");
