/* tape.c -- the autograd tape: record, backward, free.
 *
 * A node is one application of an op. The tensor that it made owns it, and it owns references to its inputs, so a graph
 * lives as long as somebody holds its last tensor. backward() walks the nodes that lead to the loss in the reverse
 * order of their making, and frees what each held as soon as it is done with it. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/parallel.h"
#include "genlat.h"
#include "ops/signature.h"

/* Of all threads: a graph belongs to one user, but users may be moved from thread to thread. */
static _Atomic uint64_t last_sequence, last_mark;

static uint64_t next(_Atomic uint64_t *counter) {
  return atomic_fetch_add_explicit(counter, 1, memory_order_relaxed) + 1;
}

/* ---- record ---- */

gl_node *gl_node_new(const gl_op *op, int nin) {
  size_t pointers = sizeof(gl_tensor *) * (size_t)nin, versions = sizeof(unsigned) * (size_t)(nin + 1);
  gl_node *n = gl_calloc(sizeof *n + pointers + versions);
  if (!n)
    return NULL;
  n->op = op;
  n->nin = nin;
  n->in = (gl_tensor **)(void *)(n + 1);
  n->version = (unsigned *)(void *)((char *)(n + 1) + pointers);
  gl_signature_defaults(op->signature, n->arg);
  return n;
}

/* Gives back what a node holds; its shell stays to say that it is done. */
static void node_clear(gl_node *n) {
  for (int i = 0; i < n->nin; i++) {
    gl_tensor_release(n->in[i]);
    n->in[i] = NULL;
  }
  for (int i = 0; i < GL_MAXSAVED; i++) {
    gl_tensor_release(n->saved[i]);
    n->saved[i] = NULL;
  }
  gl_tensor_release(n->out);
  n->out = NULL;
  n->done = true;
}

void gl_node_free(gl_node *n) {
  if (!n)
    return;
  node_clear(n);
  gl_tensor_release(n->pending);
  gl_free(n);
}

bool gl_wants(const gl_node *n, int input) { return n->in[input] && n->in[input]->requires_grad; }

/* Inputs of ops that compute with floats are converted. */
static bool convert_inputs(gl_node *n) {
  for (int i = 0; i < n->nin; i++) {
    gl_tensor *x = n->in[i];
    if (!x || x->dtype == GL_FLOAT)
      continue;
    n->in[i] = gl_tensor_float(x);
    gl_tensor_release(x);
    if (!n->in[i])
      return false;
  }
  return true;
}

/* Are the inputs that were read what they were before? */
static bool inputs_intact(const gl_node *n) {
  for (int i = 0; i < n->nin; i++)
    if (n->in[i] && !gl_tensor_intact(n->in[i]))
      return false;
  return true;
}

static bool any_requires_grad(const gl_node *n) {
  for (int i = 0; i < n->nin; i++)
    if (gl_wants(n, i))
      return true;
  return false;
}

/* Puts n, whose forward has run, on the tape: n->out becomes the tensor that owns it. */
static gl_tensor *record(gl_node *n) {
  gl_tensor *out = n->out, *kept = NULL;
  if (n->op->flags & GL_SAVES_OUT && !(kept = gl_detach(out)))
    return NULL;
  for (int i = 0; i < n->nin; i++)
    n->version[i] = n->in[i] ? n->in[i]->buffer->version : 0;
  n->version[n->nin] = out->buffer->version;
  n->sequence = next(&last_sequence);
  n->out = kept;
  out->node = n;
  out->requires_grad = true;
  return out;
}

static bool in_place_allowed(const gl_node *n) {
  if (!gl_recording() || !any_requires_grad(n))
    return true;
  char recorded[GL_NAME_SIZE]; /* "add" for "add_" */
  snprintf(recorded, sizeof recorded, "%.*s", (int)strlen(n->op->name) - 1, n->op->name);
  bool exists = gl_op_find(recorded);
  return gl_fail("a change in place is not recorded, and an argument requires a gradient: use %s%sgl.no_grad",
                 exists ? recorded : "", exists ? "(), or " : "");
}

gl_tensor *gl_apply(gl_node *n) {
  const gl_op *op = n->op;
  gl_tensor *out = NULL;
  bool in_place = op->flags & GL_IN_PLACE;
  const gl_rng before = *gl_rng_default();
  if ((op->flags & GL_ANY_DTYPE || convert_inputs(n)) && (!in_place || in_place_allowed(n)) && op->forward(n) &&
      inputs_intact(n)) {
    if (op->backward && gl_recording() && any_requires_grad(n)) {
      out = record(n);
      if (out)
        return out;
    } else {
      out = n->out;
      n->out = NULL;
    }
  }
  if (!out) {
    *gl_rng_default() = before; /* numbers may have been drawn before memory ran out */
    gl_fail_in(op->name);
  }
  gl_node_free(n);
  return out;
}

/* ---- backward ---- */

typedef struct pointers { /* a growing array */
  void **at;
  size_t n, room;
} pointers;

static bool push(pointers *p, void *x) {
  if (p->n == p->room) {
    size_t room = p->room ? 2 * p->room : 64;
    void **at = gl_alloc(room * sizeof *at);
    if (!at)
      return false;
    if (p->n)
      memcpy(at, p->at, p->n * sizeof *at);
    gl_free(p->at);
    p->at = at;
    p->room = room;
  }
  p->at[p->n++] = x;
  return true;
}

static int newer_first(const void *a, const void *b) {
  uint64_t x = (*(gl_tensor *const *)a)->node->sequence, y = (*(gl_tensor *const *)b)->node->sequence;
  return (x < y) - (x > y);
}

/* Puts t on the list and holds it, so that freeing newer nodes does not free it. */
static bool hold(pointers *list, gl_tensor *t) {
  if (!push(list, t))
    return false;
  gl_tensor_retain(t);
  return true;
}

/* All computed tensors that lead to the loss, newest first. */
static bool collect(gl_tensor *loss, pointers *made) {
  uint64_t mark = next(&last_mark);
  loss->node->mark = mark;
  if (!hold(made, loss))
    return false;
  for (size_t k = 0; k < made->n; k++) {
    gl_node *n = ((gl_tensor *)made->at[k])->node;
    if (n->done)
      return gl_fail("backward: this graph was freed by an earlier backward (keep it by backward{retain_graph = true}, "
                     "or compute the loss again)");
    for (int i = 0; i < n->nin; i++) {
      gl_node *from = gl_wants(n, i) ? n->in[i]->node : NULL;
      if (from && from->mark != mark) {
        from->mark = mark;
        if (!hold(made, n->in[i]))
          return false;
      }
    }
  }
  qsort(made->at, made->n, sizeof *made->at, newer_first);
  return true;
}

static bool unchanged(const gl_node *n) {
  for (int i = 0; n->op->flags & GL_SAVES_IN && i < n->nin; i++)
    if (n->in[i] && n->in[i]->buffer->version != n->version[i])
      return gl_fail("backward: argument %d of %s (%s) was changed in place after %s had used it", i + 1, n->op->name,
                     gl_tensor_text(n->in[i]), n->op->name);
  if (n->op->flags & GL_SAVES_OUT && n->out->buffer->version != n->version[n->nin])
    return gl_fail("backward: the result of %s (%s) was changed in place", n->op->name, gl_tensor_text(n->out));
  return true;
}

typedef struct sum_job {
  gl_real *to;
  const gl_real *from;
} sum_job;

static void sum_part(int64_t from, int64_t to, void *context) {
  const sum_job *j = context;
  for (int64_t i = from; i < to; i++)
    j->to[i] += j->from[i];
}

static void add_into(gl_tensor *to, const gl_tensor *from) { /* both contiguous */
  gl_parallel(gl_tensor_numel(to), 1, sum_part, &(sum_job){gl_tensor_data(to), gl_tensor_data(from)});
}

/* *sum += g, where *sum is a tensor of its own or NULL. Takes g over. */
static bool gather(gl_tensor **sum, gl_tensor *g) {
  if (!gl_tensor_is_contiguous(g)) {
    gl_tensor *c = gl_tensor_contiguous(g);
    gl_tensor_release(g);
    if (!(g = c))
      return false;
  }
  if (!*sum) {
    *sum = g;
    return true;
  }
  if (!gl_tensor_is_own(*sum)) { /* shared with another input, as the two of an addition share theirs */
    gl_tensor *own = gl_tensor_convert(*sum, GL_FLOAT);
    if (!own) {
      gl_tensor_release(g);
      return false;
    }
    gl_tensor_release(*sum);
    *sum = own;
  }
  add_into(*sum, g);
  gl_tensor_release(g);
  return true;
}

/* Runs one node's backward and hands the gradients on; leaves that are met the first time are pushed. */
static bool run(gl_node *n, gl_tensor **gin, pointers *leaves) {
  gl_tensor *gout = n->pending;
  n->pending = NULL;
  if (!gout)
    return true;
  memset(gin, 0, sizeof *gin * (size_t)n->nin);
  bool ok = unchanged(n) && n->op->backward(n, gout, gin);
  gl_tensor_release(gout);
  for (int i = 0; i < n->nin; i++) {
    gl_tensor *x = n->in[i], *g = gin[i];
    if (!g)
      continue;
    if (!gl_wants(n, i)) { /* frozen since it was recorded */
      gl_tensor_release(g);
      continue;
    }
    if (ok && !x->node && !x->pending)
      ok = hold(leaves, x);
    if (ok)
      ok = gather(x->node ? &x->node->pending : &x->pending, g);
    else
      gl_tensor_release(g);
  }
  return ok;
}

/* Makes sure that each leaf's sum is a tensor of its own, so that what follows cannot fail. */
static bool settle(pointers *leaves) {
  for (size_t i = 0; i < leaves->n; i++) {
    gl_tensor *x = leaves->at[i];
    if (x->grad || gl_tensor_is_own(x->pending))
      continue;
    gl_tensor *own = gl_tensor_convert(x->pending, GL_FLOAT);
    if (!own)
      return false;
    gl_tensor_release(x->pending);
    x->pending = own;
  }
  return true;
}

static void commit(gl_tensor *x) {
  if (x->grad) {
    add_into(x->grad, x->pending);
    gl_tensor_touch(x->grad);
  } else {
    x->grad = x->pending;
    x->pending = NULL;
  }
}

static int most_inputs(const pointers *made) {
  int most = 1;
  for (size_t i = 0; i < made->n; i++) {
    const gl_node *n = ((gl_tensor *)made->at[i])->node;
    most = n->nin > most ? n->nin : most;
  }
  return most;
}

static bool walk(gl_tensor *loss, gl_tensor *seed, bool retain, pointers *made, pointers *leaves) {
  if (!collect(loss, made))
    return false;
  gl_tensor **gin = gl_alloc(sizeof *gin * (size_t)most_inputs(made));
  gl_tensor *first = seed ? gl_tensor_float(seed) : gl_tensor_full(loss->ndim, loss->shape, 1.0);
  bool ok = gin && first;
  loss->node->pending = first;
  for (size_t i = 0; ok && i < made->n; i++) {
    gl_tensor *t = made->at[i];
    ok = run(t->node, gin, leaves);
    if (!retain) {
      node_clear(t->node);
      gl_tensor_release(t);
      made->at[i] = NULL;
    }
  }
  gl_free(gin);
  return ok && settle(leaves);
}

static void forget(gl_tensor *t) {
  if (t && t->node) {
    gl_tensor_release(t->node->pending);
    t->node->pending = NULL;
  }
  gl_tensor_release(t);
}

bool gl_backward(gl_tensor *loss, gl_tensor *seed, bool retain) {
  if (!loss->node)
    return gl_fail(loss->requires_grad ? "backward: this tensor is a leaf: nothing was computed from it"
                                       : "backward: this tensor was not computed from any that requires a gradient");
  if (!seed && gl_tensor_numel(loss) != 1)
    return gl_fail("backward: a loss has one element, this tensor is %s: sum it, or give the gradient to start from",
                   gl_tensor_text(loss));
  if (seed && !gl_same_shape(seed, loss))
    return gl_fail("backward: the starting gradient is %s, the tensor %s", gl_tensor_text(seed), gl_tensor_text(loss));
  pointers made = {0}, leaves = {0};
  bool ok = walk(loss, seed, retain, &made, &leaves);
  for (size_t i = 0; i < made.n; i++)
    forget(made.at[i]);
  for (size_t i = 0; i < leaves.n; i++) {
    gl_tensor *x = leaves.at[i];
    if (ok)
      commit(x);
    gl_tensor_release(x->pending);
    x->pending = NULL;
    gl_tensor_release(x);
  }
  gl_free(made.at);
  gl_free(leaves.at);
  return ok;
}
