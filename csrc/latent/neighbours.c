/* neighbours.c -- which points are nearest, exactly, at the speed of matrix products. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "core/linalg.h"
#include "core/parallel.h"
#include "core/shape.h"
#include "latent/latent.h"

#ifdef GL_FLOAT64
static const double ROUNDING = DBL_EPSILON / 2;
#else
static const double ROUNDING = FLT_EPSILON / 2;
#endif

enum { ROWS = 32 }; /* points whose products with all others are held at a time, by each thread */

/* ---- clouds ----------------------------------------------------------------------------------------------------- */

static double largest_of(const gl_cloud *c) {
  double largest = 0;
  for (int64_t i = 0; i < c->n * c->d; i++) {
    double size = fabs((double)c->x[i]);
    if (size > largest) /* fmax() here stops gcc 12.2 for 64-bit Arm: "in vect_transform_reduction" */
      largest = size;
  }
  return largest > 0 ? largest : 1;
}

/* The mean of dimension k, in units. */
static double center_of(const gl_cloud *c, int64_t k) {
  double mean = 0;
  for (int64_t i = 0; i < c->n; i++)
    mean += (double)c->x[i * c->d + k] / c->unit / (double)c->n;
  return mean;
}

static void normalize(gl_cloud *c, const gl_cloud *about) {
  for (int64_t k = 0; k < c->d; k++) {
    double mean = center_of(about, k);
    for (int64_t i = 0; i < c->n; i++)
      c->points[i * c->d + k] = (gl_real)((double)c->x[i * c->d + k] / c->unit - mean);
  }
  for (int64_t i = 0; i < c->n; i++) {
    double square = 0;
    for (int64_t k = 0; k < c->d; k++)
      square += (double)c->points[i * c->d + k] * (double)c->points[i * c->d + k];
    c->squares[i] = (gl_real)square;
  }
}

bool gl_cloud_make(gl_cloud *c, const gl_real *x, int64_t n, int64_t d, const gl_cloud *about) {
  *c = (gl_cloud){.n = n, .d = d, .x = x};
  if (!gl_gemm_fits(ROWS, n, d) || !gl_check_points(x, n, d))
    return false;
  c->points = gl_alloc_array(n, d, sizeof *c->points);
  c->squares = gl_alloc_array(n, 1, sizeof *c->squares);
  if (!c->points || !c->squares)
    return false;
  c->unit = about ? about->unit : largest_of(c);
  normalize(c, about ? about : c);
  return true;
}

void gl_cloud_free(gl_cloud *c) {
  gl_free(c->points);
  gl_free(c->squares);
}

double gl_cloud_distance(const gl_cloud *a, int64_t i, const gl_cloud *b, int64_t j) {
  const gl_real *x = a->x + i * a->d, *y = b->x + j * b->d;
  double sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t k = 0; k < a->d; k++)
    sum += ((double)x[k] - (double)y[k]) * ((double)x[k] - (double)y[k]);
  return sum;
}

/* ---- search ----------------------------------------------------------------------------------------------------- */

/* A thread's room for n points. */
typedef struct room {
  gl_real *products; /* ROWS x n */
  double *distance, *sorted;
  int32_t *place;
} room;

static bool room_make(room *r, int64_t n) {
  r->products = gl_alloc_array(ROWS, n, sizeof *r->products);
  r->distance = gl_alloc_array(n, 1, sizeof *r->distance);
  r->sorted = gl_alloc_array(n, 1, sizeof *r->sorted);
  r->place = gl_alloc_array(n, 1, sizeof *r->place);
  return r->products && r->distance && r->sorted && r->place;
}

static void room_free(room *r) {
  gl_free(r->products);
  gl_free(r->distance);
  gl_free(r->sorted);
  gl_free(r->place);
}

/* Products of points from .. from + rows - 1 of a with all of b. */
static void multiply(const gl_cloud *a, int64_t from, int64_t rows, const gl_cloud *b, gl_real *products) {
  gl_product p = {.transpose_b = true,
                  .m = rows,
                  .n = b->n,
                  .k = a->d,
                  .a = a->points + from * a->d,
                  .lda = a->d,
                  .b = b->points,
                  .ldb = b->d,
                  .c = products,
                  .ldc = b->n};
  gl_gemm_part(&p, 0, 1);
}

/* How far |xi|^2 + |yj|^2 - 2 xi yj may be off, as a share of |xi|^2 + |yj|^2: d roundings in the product, and those of
 * the points. */
static double uncertainty(const gl_cloud *c) { return (double)(c->d + 8) * ROUNDING; }

enum { FEW = 8 };

/* The k-th smallest (from 0, less than FEW) of n numbers, in one pass. */
static double select_few(const double *v, int64_t n, int64_t k) {
  double least[FEW]; /* the k + 1 smallest so far, rising */
  for (int64_t m = 0; m <= k; m++)
    least[m] = INFINITY;
  for (int64_t j = 0; j < n; j++) {
    if (v[j] >= least[k])
      continue;
    int64_t m = k;
    for (; m > 0 && least[m - 1] > v[j]; m--)
      least[m] = least[m - 1];
    least[m] = v[j];
  }
  return least[k];
}

/* The k-th smallest (from 0) of n numbers, which are put into another order: Hoare's FIND. */
static double select_smallest(double *v, int64_t n, int64_t k) {
  if (k < FEW)
    return select_few(v, n, k);
  int64_t low = 0, high = n - 1;
  while (low < high) {
    double pivot = v[low + (high - low) / 2];
    int64_t i = low, j = high;
    while (i <= j) {
      while (v[i] < pivot)
        i++;
      while (pivot < v[j])
        j--;
      if (i <= j) {
        double t = v[i];
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

/* The points that may be among the k nearest of point i, by rising number, into r->place; returns how many. product:
 * i's row. */
static int64_t find_candidates(const gl_cloud *c, int64_t i, int64_t k, const gl_real *product, room *r) {
  const double more = 1 + uncertainty(c), less = 1 - uncertainty(c), own = (double)c->squares[i];
  for (int64_t j = 0; j < c->n; j++)
    r->sorted[j] = more * (own + (double)c->squares[j]) - 2 * (double)product[j];
  r->sorted[i] = INFINITY;
  double limit = select_smallest(r->sorted, c->n, k - 1);
  int64_t count = 0;
  for (int64_t j = 0; j < c->n; j++)
    if (less * (own + (double)c->squares[j]) - 2 * (double)product[j] <= limit && j != i)
      r->place[count++] = (int32_t)j;
  return count;
}

/* Keeps the k nearest of the candidates, with their distances. */
static void keep_nearest(const gl_cloud *c, int64_t i, int64_t k, int64_t count, room *r) {
  for (int64_t m = 0; m < count; m++)
    r->distance[m] = gl_cloud_distance(c, i, c, r->place[m]);
  memcpy(r->sorted, r->distance, (size_t)count * sizeof *r->sorted);
  double last = select_smallest(r->sorted, count, k - 1);
  int64_t equal = k, kept = 0;
  for (int64_t m = 0; m < count; m++)
    equal -= r->distance[m] < last;
  for (int64_t m = 0; m < count && kept < k; m++)
    if (r->distance[m] < last || (r->distance[m] == last && equal-- > 0)) {
      r->place[kept] = r->place[m];
      r->distance[kept++] = r->distance[m];
    }
}

/* A search over all points of a cloud, or of `a` for those of b. */
typedef struct search {
  const gl_cloud *a, *b;
  room *room; /* of each part */
  int64_t k;
  gl_near_found *found;
  void *context;
  const double *radius; /* of each point of b, squared, in x's units */
  double *limit;        /* the same in the cloud's */
  int parts;
  int64_t *count; /* of each part */
} search;

static int64_t count_blocks(int64_t n) { return (n + ROWS - 1) / ROWS; }

/* Runs body over all of a's points, ROWS at a time. */
static bool search_parts(search *s, gl_part_body *body) {
  int64_t blocks = count_blocks(s->a->n);
  int threads = gl_threads(), made = 0; /* asked for once, as another thread may change it */
  s->parts = threads < blocks ? threads : (int)blocks;
  s->room = gl_calloc_array(s->parts, 1, sizeof *s->room);
  s->count = gl_calloc_array(s->parts, 1, sizeof *s->count);
  bool ok = s->room && s->count;
  for (; ok && made < s->parts; made++)
    ok = room_make(&s->room[made], s->b->n);
  if (ok)
    gl_parallel_parts(s->parts, body, s);
  for (int i = 0; i < made; i++)
    room_free(&s->room[i]);
  gl_free(s->room);
  return ok;
}

static void search_part(int part, int parts, void *context) {
  const search *s = context;
  const gl_cloud *c = s->a;
  room *r = &s->room[part];
  for (int64_t from = count_blocks(c->n) * part / parts * ROWS, blocks = count_blocks(c->n) * (part + 1) / parts;
       from < blocks * ROWS && from < c->n; from += ROWS) {
    int64_t rows = c->n - from < ROWS ? c->n - from : ROWS;
    multiply(c, from, rows, c, r->products);
    for (int64_t i = from; i < from + rows; i++) {
      int64_t count = find_candidates(c, i, s->k, r->products + (i - from) * c->n, r);
      keep_nearest(c, i, s->k, count, r);
      s->found(s->context, i, r->place, r->distance);
    }
  }
}

bool gl_near_search(const gl_cloud *c, int64_t k, gl_near_found *found, void *context) {
  search s = {.a = c, .b = c, .k = k, .found = found, .context = context};
  bool ok = search_parts(&s, search_part);
  gl_free(s.count);
  return ok;
}

/* Is point i of a within the radius of a point of b? */
static bool is_within(const search *s, int64_t i, const gl_real *product) {
  const gl_cloud *a = s->a, *b = s->b;
  const double share = uncertainty(a), own = (double)a->squares[i];
  for (int64_t j = 0; j < b->n; j++) {
    double sum = own + (double)b->squares[j], excess = sum - 2 * (double)product[j] - s->limit[j];
    if (excess <= -share * sum || (excess <= share * sum && gl_cloud_distance(a, i, b, j) <= s->radius[j]))
      return true;
  }
  return false;
}

static void count_part(int part, int parts, void *context) {
  const search *s = context;
  const gl_cloud *a = s->a;
  for (int64_t from = count_blocks(a->n) * part / parts * ROWS, blocks = count_blocks(a->n) * (part + 1) / parts;
       from < blocks * ROWS && from < a->n; from += ROWS) {
    int64_t rows = a->n - from < ROWS ? a->n - from : ROWS;
    multiply(a, from, rows, s->b, s->room[part].products);
    for (int64_t i = from; i < from + rows; i++)
      s->count[part] += is_within(s, i, s->room[part].products + (i - from) * s->b->n);
  }
}

bool gl_near_count(const gl_cloud *a, const gl_cloud *b, const double *radius, int64_t *count) {
  search s = {.a = a, .b = b, .radius = radius, .limit = gl_alloc_array(b->n, 1, sizeof *s.limit)};
  for (int64_t j = 0; s.limit && j < b->n; j++)
    s.limit[j] = radius[j] / b->unit / b->unit;
  bool ok = s.limit && search_parts(&s, count_part);
  *count = 0;
  for (int i = 0; ok && i < s.parts; i++)
    *count += s.count[i];
  gl_free(s.limit);
  gl_free(s.count);
  return ok;
}
