/* sum.c -- sums along an axis: blocks in float, or in double where they leave float32; totals in double. */
#include <math.h>
#include <string.h>

#include "ops/ops.h"

typedef struct sum_job {
  const gl_real *from;
  gl_real *to;
  gl_around v;
  double scale;
  double *part; /* one for each of `parts` */
  int parts;
} sum_job;

enum { SUM_BLOCK = 512 }; /* summed in float before it goes into a double */

static double sum_row(const gl_real *x, int64_t n) {
  double total = 0;
  for (int64_t i = 0; i < n; i += SUM_BLOCK) {
    int64_t end = i + SUM_BLOCK < n ? i + SUM_BLOCK : n;
    gl_real s = 0;
#pragma omp simd reduction(+ : s)
    for (int64_t k = i; k < end; k++)
      s += x[k];
    if (isfinite(s)) {
      total += (double)s;
      continue;
    }
    for (int64_t k = i; k < end; k++) /* perhaps the elements, perhaps only their sum */
      total += (double)x[k];
  }
  return total;
}

static void sum_rows(int64_t from, int64_t to, void *context) {
  const sum_job *j = context;
  for (int64_t o = from; o < to; o++)
    j->to[o] = (gl_real)(j->scale * sum_row(j->from + o * j->v.size, j->v.size));
}

static void sum_parts(int64_t from, int64_t to, void *context) {
  const sum_job *j = context;
  for (int64_t i = from; i < to; i++) {
    int64_t a = j->v.size * i / j->parts, b = j->v.size * (i + 1) / j->parts;
    j->part[i] = sum_row(j->from + a, b - a);
  }
}

static void scaled_columns(const gl_real *x, int64_t rows, int64_t columns, int64_t from, int64_t to, double scale,
                           gl_real *sum) {
  enum { STRIP = 256, ROWS = 64 };
  double total[STRIP];
  gl_real s[STRIP];
  for (int64_t c = from; c < to; c += STRIP) {
    int64_t width = c + STRIP < to ? STRIP : to - c;
    memset(total, 0, sizeof total);
    for (int64_t r = 0; r < rows; r += ROWS) {
      int64_t end = r + ROWS < rows ? r + ROWS : rows;
      memset(s, 0, sizeof s);
      for (int64_t k = r; k < end; k++)
        for (int64_t i = 0; i < width; i++)
          s[i] += x[k * columns + c + i];
      if (gl_all_finite(s, width))
        for (int64_t i = 0; i < width; i++)
          total[i] += (double)s[i];
      else
        for (int64_t k = r; k < end; k++)
          for (int64_t i = 0; i < width; i++)
            total[i] += (double)x[k * columns + c + i];
    }
    for (int64_t i = 0; i < width; i++)
      sum[c + i] = (gl_real)(scale * total[i]);
  }
}

void gl_sum_columns(const gl_real *x, int64_t rows, int64_t columns, int64_t from, int64_t to, gl_real *sum) {
  scaled_columns(x, rows, columns, from, to, 1, sum);
}

static void sum_columns(int64_t from, int64_t to, void *context) {
  const sum_job *j = context;
  for (int64_t o = 0; o < j->v.outer; o++)
    scaled_columns(j->from + o * j->v.size * j->v.inner, j->v.size, j->v.inner, from, to, j->scale,
                   j->to + o * j->v.inner);
}

void gl_sum_middle(const gl_real *from, gl_around v, double scale, gl_real *to) {
  enum { MOST_PARTS = 256 };
  double part[MOST_PARTS] = {0};
  sum_job j = {.from = from, .to = to, .v = v, .scale = scale, .part = part};
  if (v.inner > 1) {
    int64_t weight = v.outer * v.size;
    gl_parallel(v.inner, (int)(weight < 60 ? weight : 60), sum_columns, &j);
  } else if (v.outer == 1 && gl_team(v.size, 1) > 1) {
    j.parts = gl_team(v.size, 1);
    j.parts = j.parts < MOST_PARTS ? j.parts : MOST_PARTS;
    gl_parallel(j.parts, GL_GRAIN, sum_parts, &j);
    double total = 0;
    for (int i = 0; i < j.parts; i++)
      total += part[i];
    to[0] = (gl_real)(scale * total);
  } else {
    gl_parallel(v.outer, (int)(v.size < 4096 ? v.size : 4096), sum_rows, &j);
  }
}
