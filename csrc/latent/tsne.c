/* tsne.c -- t-SNE (van der Maaten & Hinton 2008): the descent of a map's divergence from the points' affinities. */
#include <math.h>

#include "core/parallel.h"
#include "core/shape.h"
#include "latent/latent.h"

enum {
  EARLY = 250, /* steps in which P is exaggerated and the momentum is small */
  BLOCK = 2048 /* points whose terms are summed in single precision */
};

static const double EXAGGERATION = 12, GAIN_LEAST = 0.01;

/* ---- forces ----------------------------------------------------------------------------------------------------- */

/* Point i's sums over all points: w, and w^2 (yi - yj). */
static void repel(const gl_tsne *t, int64_t i) {
  const gl_real *x = t->y[0], *y = t->y[1], xi = x[i], yi = y[i];
  double sum = -1, force_x = 0, force_y = 0; /* -1: the point itself, whose w is 1 */
  for (int64_t from = 0; from < t->n; from += BLOCK) {
    int64_t to = from + BLOCK < t->n ? from + BLOCK : t->n;
    gl_real w_sum = 0, fx = 0, fy = 0;
#pragma omp simd reduction(+ : w_sum, fx, fy)
    for (int64_t j = from; j < to; j++) {
      gl_real dx = xi - x[j], dy = yi - y[j], w = 1 / (1 + dx * dx + dy * dy), w2 = w * w;
      w_sum += w;
      fx += w2 * dx;
      fy += w2 * dy;
    }
    sum += (double)w_sum;
    force_x += (double)fx;
    force_y += (double)fy;
  }
  t->row_sum[i] = sum;
  t->repulsion[0][i] = (gl_real)force_x;
  t->repulsion[1][i] = (gl_real)force_y;
}

/* Point i's sum over its neighbours: p w (yi - yj). */
static void attract(const gl_tsne *t, int64_t i) {
  const gl_real *x = t->y[0], *y = t->y[1], xi = x[i], yi = y[i];
  const gl_affinities *p = t->p;
  gl_real force_x = 0, force_y = 0;
#pragma omp simd reduction(+ : force_x, force_y)
  for (int64_t e = p->first[i]; e < p->first[i + 1]; e++) {
    gl_real dx = xi - x[p->column[e]], dy = yi - y[p->column[e]], pw = p->p[e] / (1 + dx * dx + dy * dy);
    force_x += pw * dx;
    force_y += pw * dy;
  }
  t->attraction[0][i] = force_x;
  t->attraction[1][i] = force_y;
}

static void force_rows(int64_t from, int64_t to, void *context) {
  const gl_tsne *t = context;
  for (int64_t i = from; i < to; i++) {
    repel(t, i);
    attract(t, i);
  }
}

static int row_weight(const gl_tsne *t) { return t->n < INT32_MAX / 4 ? (int)t->n * 4 : INT32_MAX; }

/* Fills attraction, repulsion and row_sum; returns Z. */
static double find_forces(gl_tsne *t) {
  gl_parallel(t->n, row_weight(t), force_rows, t);
  double z = 0;
  for (int64_t i = 0; i < t->n; i++)
    z += t->row_sum[i];
  return z;
}

/* A quarter of the gradient along one coordinate: the form in which the literature gives learning rates. */
static double quarter_gradient(const gl_tsne *t, int axis, int64_t i, double exaggeration, double z) {
  return exaggeration * (double)t->attraction[axis][i] - (double)t->repulsion[axis][i] / z;
}

void gl_tsne_gradient(gl_tsne *t, gl_real *gradient) {
  double z = find_forces(t);
  for (int64_t i = 0; i < t->n; i++)
    for (int axis = 0; axis < 2; axis++)
      gradient[2 * i + axis] = (gl_real)(4 * quarter_gradient(t, axis, i, 1, z));
}

/* ---- descent ---------------------------------------------------------------------------------------------------- */

/* Moves all points along one axis, and their mean to 0. */
static void move(gl_tsne *t, int axis, double exaggeration, double momentum, double z) {
  double rate = t->n > 12 * 200 ? (double)t->n / 12 : 200, mean = 0;
  gl_real *y = t->y[axis], *velocity = t->velocity[axis], *gain = t->gain[axis];
  for (int64_t i = 0; i < t->n; i++) {
    double g = quarter_gradient(t, axis, i, exaggeration, z);
    bool uphill = (g > 0 && velocity[i] > 0) || (g < 0 && velocity[i] < 0);
    gain[i] = (gl_real)fmax(GAIN_LEAST, uphill ? 0.8 * (double)gain[i] : (double)gain[i] + 0.2);
    velocity[i] = (gl_real)(momentum * (double)velocity[i] - rate * (double)gain[i] * g);
    y[i] += velocity[i];
    mean += (double)y[i] / (double)t->n;
  }
  for (int64_t i = 0; i < t->n; i++)
    y[i] = (gl_real)((double)y[i] - mean);
}

void gl_tsne_step(gl_tsne *t, int64_t steps) {
  for (int64_t k = 0; k < steps; k++) {
    bool early = t->steps < EARLY;
    double z = find_forces(t);
    for (int axis = 0; axis < 2; axis++)
      move(t, axis, early ? EXAGGERATION : 1, early ? 0.5 : 0.8, z);
    t->steps++;
  }
}

/* ---- divergence ------------------------------------------------------------------------------------------------- */

/* Point i's sum of w over all other points, in double precision. */
static void sum_rows(int64_t from, int64_t to, void *context) {
  const gl_tsne *t = context;
  const gl_real *x = t->y[0], *y = t->y[1];
  for (int64_t i = from; i < to; i++) {
    double sum = -1, xi = (double)x[i], yi = (double)y[i];
#pragma omp simd reduction(+ : sum)
    for (int64_t j = 0; j < t->n; j++) {
      double dx = xi - (double)x[j], dy = yi - (double)y[j];
      sum += 1 / (1 + dx * dx + dy * dy);
    }
    t->row_sum[i] = sum;
  }
}

/* sum p log(p / q) = sum p (log p + log(1 + |yi - yj|^2)) + log Z, as the p sum to 1. */
double gl_tsne_divergence(gl_tsne *t) {
  gl_parallel(t->n, row_weight(t), sum_rows, t);
  const gl_affinities *p = t->p;
  double z = 0, sum = 0;
  for (int64_t i = 0; i < t->n; i++) {
    z += t->row_sum[i];
    for (int64_t e = p->first[i]; e < p->first[i + 1]; e++) {
      double dx = (double)t->y[0][i] - (double)t->y[0][p->column[e]];
      double dy = (double)t->y[1][i] - (double)t->y[1][p->column[e]];
      if (p->p[e] > 0)
        sum += (double)p->p[e] * (log((double)p->p[e]) + log1p(dx * dx + dy * dy));
    }
  }
  return sum + log(z);
}

/* ---- a map ------------------------------------------------------------------------------------------------------ */

void gl_tsne_free(gl_tsne *t) {
  if (!t)
    return;
  gl_affinities_free(t->p);
  for (int axis = 0; axis < 2; axis++) {
    gl_free(t->y[axis]);
    gl_free(t->velocity[axis]);
    gl_free(t->gain[axis]);
    gl_free(t->attraction[axis]);
    gl_free(t->repulsion[axis]);
  }
  gl_free(t->row_sum);
  gl_free(t);
}

static bool allocate(gl_tsne *t) {
  const size_t size = sizeof(gl_real);
  for (int axis = 0; axis < 2; axis++) {
    t->y[axis] = gl_alloc_array(t->n, 1, size);
    t->velocity[axis] = gl_calloc_array(t->n, 1, size);
    t->gain[axis] = gl_alloc_array(t->n, 1, size);
    t->attraction[axis] = gl_alloc_array(t->n, 1, size);
    t->repulsion[axis] = gl_alloc_array(t->n, 1, size);
    if (!t->y[axis] || !t->velocity[axis] || !t->gain[axis] || !t->attraction[axis] || !t->repulsion[axis])
      return false;
  }
  t->row_sum = gl_alloc_array(t->n, 1, sizeof *t->row_sum);
  return t->row_sum;
}

gl_tsne *gl_tsne_new(const gl_real *x, int64_t n, int64_t d, double perplexity, const gl_real *start) {
  for (int64_t i = 0; i < 2 * n; i++)
    if (!isfinite(start[i]))
      return gl_fail("the start of point %lld is not finite", (long long)(i / 2 + 1)), NULL;
  gl_tsne *t = gl_calloc(sizeof *t);
  if (!t)
    return NULL;
  t->n = n;
  t->p = gl_affinities_new(x, n, d, perplexity);
  if (!t->p || !allocate(t)) {
    gl_tsne_free(t);
    return NULL;
  }
  for (int64_t i = 0; i < n; i++)
    for (int axis = 0; axis < 2; axis++) {
      t->y[axis][i] = start[2 * i + axis];
      t->gain[axis][i] = 1;
    }
  return t;
}
