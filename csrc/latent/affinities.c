/* affinities.c -- the sparse matrix P of t-SNE: each point's nearest neighbours and how near they are. */
#include <math.h>
#include <string.h>

#include "core/parallel.h"
#include "core/shape.h"
#include "latent/latent.h"

enum {
  ROWS = 32,  /* points whose distances to all others are held at a time, by each thread */
  TRIES = 200 /* halvings of the interval in which a bandwidth is sought */
};

/* p(j|i) for each point i and its k nearest neighbours j, by rising j. */
typedef struct conditional {
  int64_t n, k;
  int32_t *neighbour; /* n x k */
  gl_real *p;         /* n x k */
} conditional;

/* What finding them takes. */
typedef struct search {
  int64_t n, d, k;
  double perplexity, unit; /* unit: what 1 in `points` is in the caller's points */
  gl_real *points;         /* n x d, normalized */
  gl_real *squares;        /* n: their squared lengths */
  gl_real *distances;      /* ROWS x n and once more n, for each thread */
  double *near;            /* k squared distances and k weights, for each thread */
  conditional *found;
  gl_real *bandwidth;
} search;

/* ---- points ----------------------------------------------------------------------------------------------------- */

static bool check(const gl_real *x, int64_t n, int64_t d, double perplexity) {
  if (n < 4 || n > INT32_MAX)
    return gl_fail("expected 4 points or more, got %lld", (long long)n);
  if (!(perplexity >= 1 && perplexity <= (double)(n - 1) / 3))
    return gl_fail("perplexity: from 1 to a third of the other points, which is %.4g for %lld points; got %.4g",
                   (double)(n - 1) / 3, (long long)n, perplexity);
  if (!gl_gemm_fits(ROWS, n, d))
    return false;
  for (int64_t i = 0; i < n * d; i++)
    if (!isfinite(x[i]))
      return gl_fail("point %lld is not finite: its dimension %lld is %f", (long long)(i / d + 1),
                     (long long)(i % d + 1), (double)x[i]);
  return true;
}

/* The points about their mean, divided by their largest number, so that single precision has nothing to cancel and
 * nothing overflows. */
static void normalize(search *s, const gl_real *x) {
  double largest = 0;
  for (int64_t i = 0; i < s->n * s->d; i++)
    largest = fmax(largest, fabs((double)x[i]));
  s->unit = largest > 0 ? largest : 1;
  for (int64_t c = 0; c < s->d; c++) {
    double mean = 0;
    for (int64_t i = 0; i < s->n; i++)
      mean += (double)x[i * s->d + c] / s->unit / (double)s->n;
    for (int64_t i = 0; i < s->n; i++)
      s->points[i * s->d + c] = (gl_real)((double)x[i * s->d + c] / s->unit - mean);
  }
  for (int64_t i = 0; i < s->n; i++) {
    double square = 0;
    for (int64_t c = 0; c < s->d; c++)
      square += (double)s->points[i * s->d + c] * (double)s->points[i * s->d + c];
    s->squares[i] = (gl_real)square;
  }
}

/* ---- neighbours ------------------------------------------------------------------------------------------------- */

/* The k-th smallest (from 0) of n numbers, which are put into another order: Hoare's FIND. */
static gl_real select_smallest(gl_real *v, int64_t n, int64_t k) {
  int64_t low = 0, high = n - 1;
  while (low < high) {
    gl_real pivot = v[low + (high - low) / 2];
    int64_t i = low, j = high;
    while (i <= j) {
      while (v[i] < pivot)
        i++;
      while (pivot < v[j])
        j--;
      if (i <= j) {
        gl_real t = v[i];
        v[i++] = v[j];
        v[j--] = t;
      }
    }
    if (k <= j)
      high = j;
    else if (k >= i)
      low = i;
    else
      break;
  }
  return v[k];
}

/* The k smallest of a row of n distances, by rising index; of equal ones at the end the first. */
static void nearest(const gl_real *distance, int64_t n, int64_t k, gl_real *scratch, int32_t *neighbour) {
  memcpy(scratch, distance, (size_t)n * sizeof *scratch);
  gl_real last = select_smallest(scratch, n, k - 1);
  int64_t equal = k, m = 0;
  for (int64_t j = 0; j < n; j++)
    equal -= distance[j] < last;
  for (int64_t j = 0; j < n && m < k; j++)
    if (distance[j] < last || (distance[j] == last && equal-- > 0))
      neighbour[m++] = (int32_t)j;
}

static double squared_distance(const gl_real *a, const gl_real *b, int64_t d) {
  double sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t c = 0; c < d; c++)
    sum += ((double)a[c] - (double)b[c]) * ((double)a[c] - (double)b[c]);
  return sum;
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

/* The row of point i, whose distances to all points are known. */
static void find_row(const search *s, int64_t i, gl_real *distance, gl_real *scratch, double *near) {
  double *weight = near + s->k, sum;
  int32_t *neighbour = s->found->neighbour + i * s->k;
  distance[i] = INFINITY;
  nearest(distance, s->n, s->k, scratch, neighbour);
  for (int64_t m = 0; m < s->k; m++)
    near[m] = squared_distance(s->points + i * s->d, s->points + neighbour[m] * s->d, s->d);
  double beta = find_weights(near, s->k, log(s->perplexity), weight, &sum);
  for (int64_t m = 0; m < s->k; m++)
    s->found->p[i * s->k + m] = (gl_real)(weight[m] / sum);
  s->bandwidth[i] = (gl_real)(s->unit * sqrt(0.5 / beta));
}

/* The rows of a block of points. The squared distances are |xj|^2 - 2 xi xj: |xi|^2 is the same for the whole row. */
static void find_block(const search *s, int64_t block, gl_real *distances, double *near) {
  int64_t from = block * ROWS, rows = s->n - from < ROWS ? s->n - from : ROWS;
  gl_product dots = {.transpose_b = true,
                     .m = rows,
                     .n = s->n,
                     .k = s->d,
                     .a = s->points + from * s->d,
                     .lda = s->d,
                     .b = s->points,
                     .ldb = s->d,
                     .c = distances,
                     .ldc = s->n};
  gl_gemm_part(&dots, 0, 1);
  for (int64_t r = 0; r < rows; r++) {
    gl_real *row = distances + r * s->n;
    for (int64_t j = 0; j < s->n; j++)
      row[j] = s->squares[j] - 2 * row[j];
    find_row(s, from + r, row, distances + ROWS * s->n, near);
  }
}

static int64_t count_blocks(int64_t n) { return (n + ROWS - 1) / ROWS; }

static void find_part(int part, int parts, void *context) {
  const search *s = context;
  int64_t blocks = count_blocks(s->n);
  for (int64_t b = blocks * part / parts; b < blocks * (part + 1) / parts; b++)
    find_block(s, b, s->distances + part * (ROWS + 1) * s->n, s->near + part * 2 * s->k);
}

static void conditional_free(conditional *c) {
  gl_free(c->neighbour);
  gl_free(c->p);
}

static bool find_conditional(const gl_real *x, int64_t d, double perplexity, conditional *found, gl_real *bandwidth) {
  int64_t n = found->n, k = found->k, blocks = count_blocks(n);
  int parts = gl_threads() < blocks ? gl_threads() : (int)blocks;
  search s = {.n = n, .d = d, .k = k, .perplexity = perplexity, .found = found, .bandwidth = bandwidth};
  s.points = gl_alloc_array(n, d, sizeof *s.points);
  s.squares = gl_alloc_array(n, 1, sizeof *s.squares);
  s.distances = gl_alloc_array(parts * (ROWS + 1), n, sizeof *s.distances);
  s.near = gl_alloc_array(parts * 2, k, sizeof *s.near);
  found->neighbour = gl_alloc_array(n, k, sizeof *found->neighbour);
  found->p = gl_alloc_array(n, k, sizeof *found->p);
  bool ok = s.points && s.squares && s.distances && s.near && found->neighbour && found->p;
  if (ok) {
    normalize(&s, x);
    gl_parallel_parts(parts, find_part, &s);
  }
  gl_free(s.points);
  gl_free(s.squares);
  gl_free(s.distances);
  gl_free(s.near);
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
  if (!check(x, n, d, perplexity))
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
