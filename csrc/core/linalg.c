/* linalg.c -- dense linear algebra in double precision, by OpenBLAS and its LAPACK. */
#include "core/linalg.h"

#include <limits.h>
#include <math.h>
#include <string.h>

#include "core/blas.h"
#include "core/shape.h"

/* LAPACK in Fortran's manner: everything by address, matrices by columns, and behind the arguments the lengths of those
 * that are text. A symmetric matrix by rows is the same by columns, with its halves exchanged. */
extern void dsyevd_(const char *job, const char *half, const int *n, double *a, const int *lda, double *w, double *work,
                    const int *lwork, int *iwork, const int *liwork, int *info, size_t, size_t);
extern void dpotrf_(const char *half, const int *n, double *a, const int *lda, int *info, size_t);
extern void dtrtri_(const char *half, const char *diagonal, const int *n, double *a, const int *lda, int *info, size_t,
                    size_t);
extern void dgeqrf_(const int *m, const int *n, double *a, const int *lda, double *tau, double *work, const int *lwork,
                    int *info);
extern void dorgqr_(const int *m, const int *n, const int *k, double *a, const int *lda, const double *tau,
                    double *work, const int *lwork, int *info);

enum { BLOCK = 256 }; /* rows whose products are summed at a time */

enum { LARGEST = 46340 }; /* rows of a square matrix whose elements LAPACK can count */

/* Sees to it, too, that OpenBLAS keeps to one thread. */
static bool is_countable(int64_t n) {
  gl_threads();
  return n <= LARGEST || gl_fail("a matrix of %lld rows is too large", (long long)n);
}

/* Is the upper, or lower, half of an n x n matrix finite? */
static bool is_finite(int64_t n, const double *a, bool upper) {
  for (int64_t i = 0; i < n; i++)
    for (int64_t j = upper ? i : 0; j < (upper ? n : i + 1); j++)
      if (!isfinite(a[i * n + j]))
        return gl_fail("the matrix holds %f", a[i * n + j]);
  return true;
}

/* ---- factors ---- */

/* Eigenvalues rise in LAPACK. */
static void reverse_rows(int64_t n, double *a, double *values) {
  for (int64_t i = 0, j = n - 1; i < j; i++, j--) {
    double value = values[i];
    values[i] = values[j];
    values[j] = value;
    for (int64_t k = 0; k < n; k++) {
      double t = a[i * n + k];
      a[i * n + k] = a[j * n + k];
      a[j * n + k] = t;
    }
  }
}

bool gl_eigh(int64_t n, double *a, double *values) {
  int count = (int)n, info = 0, lwork = -1, liwork = -1, most;
  double size;
  if (!is_countable(n) || !is_finite(n, a, true))
    return false;
  dsyevd_("V", "L", &count, a, &count, values, &size, &lwork, &most, &liwork, &info, 1, 1);
  lwork = size < INT_MAX ? (int)size : INT_MAX;
  liwork = most;
  double *work = gl_alloc_array(lwork, 1, sizeof *work);
  int *iwork = gl_alloc_array(liwork, 1, sizeof *iwork);
  bool ok = work && iwork;
  if (ok) {
    dsyevd_("V", "L", &count, a, &count, values, work, &lwork, iwork, &liwork, &info, 1, 1);
    reverse_rows(n, a, values);
    if (info != 0)
      ok = gl_fail("the eigenvalues of a matrix of %lld rows were not found", (long long)n);
  }
  gl_free(work);
  gl_free(iwork);
  return ok;
}

bool gl_cholesky(int64_t n, double *a, bool *definite) {
  int count = (int)n, info = 0;
  if (!is_countable(n) || !is_finite(n, a, true))
    return false;
  dpotrf_("U", &count, a, &count, &info, 1);
  *definite = info == 0;
  for (int64_t i = 0; i < n; i++)
    for (int64_t j = i + 1; j < n; j++)
      a[i * n + j] = 0;
  return true;
}

bool gl_inverse_lower(int64_t n, double *l) {
  int count = (int)n, info = 0;
  if (!is_countable(n) || !is_finite(n, l, false))
    return false;
  dtrtri_("U", "N", &count, l, &count, &info, 1, 1);
  return info == 0 || gl_fail("row %d of a triangular matrix has 0 on the diagonal", info);
}

void gl_product64(int64_t m, int64_t k, int64_t n, const double *a, const double *b, double *c) {
  gl_threads();
  cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)m, (int)n, (int)k, 1, a, (int)k, b, (int)n, 0, c, (int)n);
}

/* ---- moments ---- */

bool gl_check_points(const gl_real *x, int64_t n, int64_t d) {
  for (int64_t i = 0; i < n * d; i++)
    if (!isfinite(x[i]))
      return gl_fail("point %lld is not finite: its dimension %lld is %f", (long long)(i / d + 1),
                     (long long)(i % d + 1), (double)x[i]);
  return true;
}

static void mean_of(const gl_real *x, int64_t n, int64_t d, double *mean) {
  memset(mean, 0, (size_t)d * sizeof *mean);
  for (int64_t i = 0; i < n; i++)
    for (int64_t c = 0; c < d; c++)
      mean[c] += (double)x[i * d + c];
  for (int64_t c = 0; c < d; c++)
    mean[c] /= (double)n;
}

/* Rows less the mean. */
static void center_rows(const gl_real *x, int64_t n, int64_t d, const double *mean, double *to) {
  for (int64_t i = 0; i < n; i++)
    for (int64_t c = 0; c < d; c++)
      to[i * d + c] = (double)x[i * d + c] - mean[c];
}

static void fill_lower(int64_t n, double *a) {
  for (int64_t i = 0; i < n; i++)
    for (int64_t j = 0; j < i; j++)
      a[i * n + j] = a[j * n + i];
}

bool gl_moments(const gl_real *x, int64_t n, int64_t d, double *mean, double *covariance) {
  int count = (int)d;
  if (!is_countable(d))
    return false;
  double *rows = gl_alloc_array(BLOCK, d, sizeof *rows), share = 1 / (n > 1 ? (double)n - 1 : 1);
  if (!rows)
    return false;
  mean_of(x, n, d, mean);
  memset(covariance, 0, (size_t)(d * d) * sizeof *covariance);
  for (int64_t i = 0; i < n; i += BLOCK) {
    int64_t some = n - i < BLOCK ? n - i : BLOCK;
    center_rows(x + i * d, some, d, mean, rows);
    cblas_dsyrk(CblasRowMajor, CblasUpper, CblasTrans, count, (int)some, share, rows, count, 1, covariance, count);
  }
  gl_free(rows);
  fill_lower(d, covariance);
  return true;
}

/* ---- principal components ---- */

static double trace_of(int64_t n, const double *a) {
  double sum = 0;
  for (int64_t i = 0; i < n; i++)
    sum += a[i * n + i];
  return sum;
}

/* By the eigenvectors of the covariance, d x d. */
static bool principal_of_columns(const gl_real *x, int64_t n, int64_t d, int64_t k, double *mean, double *axes,
                                 double *variance, double *total) {
  double *covariance = gl_alloc_array(d, d, sizeof *covariance), *values = gl_alloc_array(d, 1, sizeof *values);
  bool ok = covariance && values && gl_moments(x, n, d, mean, covariance);
  if (ok) {
    *total = trace_of(d, covariance);
    ok = gl_eigh(d, covariance, values);
  }
  if (ok) {
    memcpy(axes, covariance, (size_t)(k * d) * sizeof *axes);
    memcpy(variance, values, (size_t)k * sizeof *variance);
  }
  gl_free(covariance);
  gl_free(values);
  return ok;
}

/* k rows of d numbers made orthonormal, each in turn, as the columns that they are to LAPACK. */
static bool orthonormalize(int64_t k, int64_t d, double *axes) {
  int m = (int)d, n = (int)k, info = 0, lwork = 32 * n;
  double *tau = gl_alloc_array(k, 1, sizeof *tau), *work = gl_alloc_array(lwork, 1, sizeof *work);
  bool ok = tau && work;
  if (ok) {
    dgeqrf_(&m, &n, axes, &m, tau, work, &lwork, &info);
    dorgqr_(&m, &n, &n, axes, &m, tau, work, &lwork, &info);
  }
  gl_free(tau);
  gl_free(work);
  return ok;
}

/* By those of the rows' products, n x n, where there are fewer rows than columns: u' products u = values, and the axes
 * are rows' u. */
static bool principal_of_rows(const gl_real *x, int64_t n, int64_t d, int64_t k, double *mean, double *axes,
                              double *variance, double *total) {
  int count = (int)n;
  if (d > INT_MAX)
    return gl_fail("rows of %lld numbers are too long", (long long)d);
  if (!is_countable(n))
    return false;
  double *rows = gl_alloc_array(n, d, sizeof *rows), *values = gl_alloc_array(n, 1, sizeof *values);
  double *products = gl_alloc_array(n, n, sizeof *products);
  bool ok = rows && values && products;
  if (ok) {
    mean_of(x, n, d, mean);
    center_rows(x, n, d, mean, rows);
    cblas_dsyrk(CblasRowMajor, CblasUpper, CblasNoTrans, count, (int)d, 1 / ((double)n - 1), rows, (int)d, 0, products,
                count);
    *total = trace_of(n, products);
    ok = gl_eigh(n, products, values);
  }
  if (ok) {
    gl_product64(k, n, d, products, rows, axes);
    memcpy(variance, values, (size_t)k * sizeof *variance);
    ok = orthonormalize(k, d, axes);
  }
  gl_free(rows);
  gl_free(values);
  gl_free(products);
  return ok;
}

bool gl_principal(const gl_real *x, int64_t n, int64_t d, int64_t k, double *mean, double *axes, double *variance,
                  double *total) {
  bool wide = n > 1 && k <= n && n < d;
  if (!gl_check_points(x, n, d) ||
      !(wide ? principal_of_rows : principal_of_columns)(x, n, d, k, mean, axes, variance, total))
    return false;
  for (int64_t i = 0; i < k; i++)
    variance[i] = variance[i] > 0 ? variance[i] : 0; /* what rounding left below it */
  return true;
}
