/* linalg.h -- inside the core: dense linear algebra in double precision, by OpenBLAS and its LAPACK. Matrices are
 * row-major; of a symmetric one only the upper half is read. What has no answer (a number that is not finite, too
 * little memory) returns false with a message. */
#ifndef GENLAT_LINALG_H
#define GENLAT_LINALG_H

#include "genlat.h"

/* a = V' diag(values) V of a symmetric n x n matrix: a becomes V, whose rows are the eigenvectors, by falling value. */
bool gl_eigh(int64_t n, double *a, double *values);

/* a = l l' of a symmetric n x n matrix: a becomes the lower triangular l. *definite: whether there is one. */
bool gl_cholesky(int64_t n, double *a, bool *definite);

bool gl_inverse_lower(int64_t n, double *l); /* of a lower triangular n x n matrix, in place */

void gl_product64(int64_t m, int64_t k, int64_t n, const double *a, const double *b, double *c); /* m x n = a b */

bool gl_check_points(const gl_real *x, int64_t n, int64_t d); /* are n rows of d numbers finite? */

/* Mean and covariance (divided by n - 1) of n rows of d numbers. */
bool gl_moments(const gl_real *x, int64_t n, int64_t d, double *mean, double *covariance);

/* The first k <= d principal components of n rows of d numbers (Pearson 1901): orthonormal rows of axes (k x d), by
 * falling variance (divided by n - 1), which are 0 where n <= k leaves none; total: the sum of all d variances. */
bool gl_principal(const gl_real *x, int64_t n, int64_t d, int64_t k, double *mean, double *axes, double *variance,
                  double *total);

#endif
