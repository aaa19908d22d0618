/* affinities.c -- the sparse matrix P of t-SNE: each point's nearest neighbours and how near they are. */
#include <math.h>
#include <string.h>

#include "core/shape.h"
#include "latent/latent.h"

enum { TRIES = 200 }; /* halvings of the interval in which a bandwidth is sought */

/* p(j|i) for each point i and its k nearest neighbours j, by rising j. */
typedef struct conditional {
  int64_t n, k;
  int32_t *neighbour; /* n x k */
  gl_real *p;         /* n x k */
} conditional;

/* What finding them takes. */
typedef struct search {
  double perplexity;
  conditional *found;
  double *weight; /* n x k */
  gl_real *bandwidth;
} search;

static bool check(int64_t n, double perplexity) {
  if (n < 4 || n > INT32_MAX)
    return gl_fail("expected 4 points or more, got %lld", (long long)n);
  if (!(perplexity >= 1 && perplexity <= (double)(n - 1) / 3))
    return gl_fail("perplexity: from 1 to a third of the other points, which is %.4g for %lld points; got %.4g",
                   (double)(n - 1) / 3, (long long)n, perplexity);
  return true;
}

/* ---- bandwidths ------------------------------------------------------------------------------------------------- */

/* Weights exp(-beta (d2 - least)), their sum, and the entropy of their shares: log sum + beta sum w d2 / sum w. */
static double weigh(const double *d2, int64_t k, double least, double beta, double *weight, double *sum) {
  double moment = 0;
  *sum = 0;
  for (int64_t m = 0; m < k; m++) {
    weight[m] = exp(-beta * (d2[m] - least));
    *sum += weight[m];
    moment += weight[m] * (d2[m] - least);
  }
  return log(*sum) + beta * moment / *sum;
}

/* Sets the weights of k neighbours at those squared distances so that their shares have that entropy; returns beta =
 * 1 / 2 s^2. By bisection, as the entropy falls while beta grows. */
static double find_weights(const double *d2, int64_t k, double entropy, double *weight, double *sum) {
  double least = d2[0], mean = 0;
  for (int64_t m = 0; m < k; m++) {
    least = fmin(least, d2[m]);
    mean += d2[m] / (double)k;
  }
  double beta = mean > least ? 1 / (mean - least) : 1, low = 0, high = INFINITY;
  for (int t = 0; t < TRIES; t++) {
    double excess = weigh(d2, k, least, beta, weight, sum) - entropy;
    if (fabs(excess) < 1e-9)
      break;
    if (excess > 0)
      low = beta;
    else
      high = beta;
    beta = isinf(high) ? 2 * low : (low + high) / 2;
  }
  return beta;
}

/* The row of point i. */
static void find_row(void *context, int64_t i, const int32_t *place, const double *distance) {
  const search *s = context;
  int64_t k = s->found->k;
  double *weight = s->weight + i * k, sum;
  double beta = find_weights(distance, k, log(s->perplexity), weight, &sum);
  memcpy(s->found->neighbour + i * k, place, (size_t)k * sizeof *place);
  for (int64_t m = 0; m < k; m++)
    s->found->p[i * k + m] = (gl_real)(weight[m] / sum);
  s->bandwidth[i] = (gl_real)sqrt(0.5 / beta);
}

static void conditional_free(conditional *c) {
  gl_free(c->neighbour);
  gl_free(c->p);
}

static bool find_conditional(const gl_real *x, int64_t d, double perplexity, conditional *found, gl_real *bandwidth) {
  search s = {.perplexity = perplexity, .found = found, .bandwidth = bandwidth};
  gl_cloud cloud;
  s.weight = gl_alloc_array(found->n, found->k, sizeof *s.weight);
  found->neighbour = gl_alloc_array(found->n, found->k, sizeof *found->neighbour);
  found->p = gl_alloc_array(found->n, found->k, sizeof *found->p);
  bool ok = gl_cloud_make(&cloud, x, found->n, d, NULL) && s.weight && found->neighbour && found->p &&
            gl_near_search(&cloud, found->k, find_row, &s);
  gl_cloud_free(&cloud);
  gl_free(s.weight);
  return ok;
}

/* ---- symmetrization --------------------------------------------------------------------------------------------- */

/* The transpose of a conditional, its rows by rising column too: entries first[j] .. first[j+1]-1 are the p(j|i) of the
 * points i that have j for a neighbour. */
typedef struct transposed {
  int64_t *first; /* n + 1 */
  int32_t *column;
  gl_real *p;
} transposed;

static void transposed_free(transposed *t) {
  gl_free(t->first);
  gl_free(t->column);
  gl_free(t->p);
}

static bool transpose(const conditional *c, transposed *t) {
  int64_t count = c->n * c->k;
  t->first = gl_calloc_array(c->n + 2, 1, sizeof *t->first);
  t->column = gl_alloc_array(count, 1, sizeof *t->column);
  t->p = gl_alloc_array(count, 1, sizeof *t->p);
  if (!t->first || !t->column || !t->p)
    return false;
  for (int64_t e = 0; e < count; e++)
    t->first[c->neighbour[e] + 2]++;
  for (int64_t j = 0; j < c->n; j++)
    t->first[j + 2] += t->first[j + 1];
  for (int64_t e = 0; e < count; e++) { /* first[j + 1] is where the next of row j goes, and ends as row j's end */
    int64_t to = t->first[c->neighbour[e] + 1]++;
    t->column[to] = (int32_t)(e / c->k);
    t->p[to] = c->p[e];
  }
  return true;
}

/* Merges row i of the conditional and of its transpose into column and p, where given; returns how many entries. */
static int64_t merge_row(const conditional *c, const transposed *t, int64_t i, int32_t *column, gl_real *p) {
  int64_t a = i * c->k, a_end = a + c->k, b = t->first[i], b_end = t->first[i + 1], m = 0;
  while (a < a_end || b < b_end) {
    int32_t ja = a < a_end ? c->neighbour[a] : INT32_MAX, jb = b < b_end ? t->column[b] : INT32_MAX;
    int32_t j = ja < jb ? ja : jb;
    double sum = (ja == j ? (double)c->p[a++] : 0) + (jb == j ? (double)t->p[b++] : 0);
    if (column) {
      column[m] = j;
      p[m] = (gl_real)(sum / (2 * (double)c->n));
    }
    m++;
  }
  return m;
}

static bool symmetrize(const conditional *c, const transposed *t, gl_affinities *a) {
  a->first = gl_alloc_array(c->n + 1, 1, sizeof *a->first);
  if (!a->first)
    return false;
  a->first[0] = 0;
  for (int64_t i = 0; i < c->n; i++)
    a->first[i + 1] = a->first[i] + merge_row(c, t, i, NULL, NULL);
  a->column = gl_alloc_array(a->first[c->n], 1, sizeof *a->column);
  a->p = gl_alloc_array(a->first[c->n], 1, sizeof *a->p);
  if (!a->column || !a->p)
    return false;
  for (int64_t i = 0; i < c->n; i++)
    merge_row(c, t, i, a->column + a->first[i], a->p + a->first[i]);
  return true;
}

void gl_affinities_free(gl_affinities *a) {
  if (!a)
    return;
  gl_free(a->first);
  gl_free(a->column);
  gl_free(a->p);
  gl_free(a->bandwidth);
  gl_free(a);
}

gl_affinities *gl_affinities_new(const gl_real *x, int64_t n, int64_t d, double perplexity) {
  if (!check(n, perplexity))
    return NULL;
  gl_affinities *a = gl_calloc(sizeof *a);
  if (!a)
    return NULL;
  a->n = n;
  a->bandwidth = gl_alloc_array(n, 1, sizeof *a->bandwidth);
  conditional c = {.n = n, .k = (int64_t)(3 * perplexity)};
  transposed t = {0};
  bool ok = a->bandwidth && find_conditional(x, d, perplexity, &c, a->bandwidth) && transpose(&c, &t) &&
            symmetrize(&c, &t, a);
  conditional_free(&c);
  transposed_free(&t);
  if (ok)
    return a;
  gl_affinities_free(a);
  return NULL;
}
