/* latent.h -- points in many dimensions: which are near, and maps of them by t-SNE. */
#ifndef GENLAT_LATENT_H
#define GENLAT_LATENT_H

#include "genlat.h"

/* Points among which nearest ones are sought. Distances come from products in single precision where these decide, and
 * else from the points themselves in double precision: near is exact also for tight groups that lie far apart. */
typedef struct gl_cloud {
  int64_t n, d;
  const gl_real *x; /* n x d, the caller's */
  double unit;      /* what 1 in `points` is in x */
  gl_real *points;  /* n x d: x about a center, divided by unit, so that nothing overflows and little cancels */
  gl_real *squares; /* n: their squared lengths */
} gl_cloud;

/* about: whose center and unit to take, for distances to its points; NULL: the cloud's own. False with a message where
 * a number is not finite. gl_cloud_free is due either way. */
bool gl_cloud_make(gl_cloud *c, const gl_real *x, int64_t n, int64_t d, const gl_cloud *about);
void gl_cloud_free(gl_cloud *c);

/* |xi - yj|^2, in x's units. */
double gl_cloud_distance(const gl_cloud *a, int64_t i, const gl_cloud *b, int64_t j);

/* For each point i calls found(context, i, place, distance): place[0 .. k-1] are its k nearest other points by rising
 * number (of equally near ones at the end the first), distance their squared distances in x's units. The calls come
 * from several threads, each point once. False where there is too little memory. */
typedef void gl_near_found(void *context, int64_t i, const int32_t *place, const double *distance);
bool gl_near_search(const gl_cloud *c, int64_t k, gl_near_found *found, void *context);

/* How many of a's points lie within the squared radius of a point of b, whose center and unit a has. */
bool gl_near_count(const gl_cloud *a, const gl_cloud *b, const double *radius, int64_t *count);

/* How near each point is to its neighbours: the sparse, symmetric matrix P of t-SNE. Entries first[i] .. first[i+1]-1
 * are those of row i, by rising column; all that are not there are 0, and all together sum to 1. */
typedef struct gl_affinities {
  int64_t n;
  int64_t *first;  /* n + 1 */
  int32_t *column; /* the neighbour, from 0 */
  gl_real *p;
  gl_real *bandwidth; /* n: the standard deviation of each point's Gaussian, in the units of the points */
} gl_affinities;

/* P of n points of d dimensions (van der Maaten 2014, eq. 6 and 7):
 *   p(j|i) = exp(-|xi - xj|^2 / 2 si^2) / (the sum of that over i's floor(3 u) nearest neighbours), 0 for all others
 *   p(i,j) = (p(j|i) + p(i|j)) / 2n
 * with si such that p(.|i) has the perplexity u = exp(entropy). Where that cannot be, as more than u neighbours are
 * equally near, these share p(.|i) alone. Among equally near neighbours the first ones count as nearest. The result
 * does not depend on the number of threads. */
gl_affinities *gl_affinities_new(const gl_real *x, int64_t n, int64_t d, double perplexity);
void gl_affinities_free(gl_affinities *a);

/* A map under way: places y of n points in the plane whose neighbourhoods are made alike those in P (van der Maaten &
 * Hinton 2008). With w(i,j) = 1 / (1 + |yi - yj|^2) and q(i,j) = w(i,j) / Z, Z the sum over all pairs, it descends on
 *   KL(P || Q) = sum p log(p / q)      gradient 4 sum_j (p(i,j) - q(i,j)) w(i,j) (yi - yj)
 * The sum over j is made over all points: n^2 terms a step, none of which is kept. */
typedef struct gl_tsne {
  int64_t n;
  int64_t steps; /* taken so far */
  gl_affinities *p;
  gl_real *y[2];                  /* the map: both coordinates of all points */
  gl_real *velocity[2], *gain[2]; /* of the descent */
  gl_real *attraction[2];         /* sum_j p w (yi - yj) */
  gl_real *repulsion[2];          /* sum_j w^2 (yi - yj) */
  double *row_sum;                /* sum_j w */
} gl_tsne;

/* start: n x 2, which decides what the map's large parts look like: principal components, their standard deviation at
 * 1e-4 (Kobak & Berens 2019). */
gl_tsne *gl_tsne_new(const gl_real *x, int64_t n, int64_t d, double perplexity, const gl_real *start);
void gl_tsne_free(gl_tsne *t); /* NULL is allowed */

/* Steps of the descent, with momentum (0.5 in the first 250 steps, then 0.8), gains (Jacobs 1988), a rate of max(200,
 * n/12) (Belkina et al. 2019) on a quarter of the gradient, and P exaggerated 12 times in the first 250 steps. The
 * result does not depend on the number of threads, nor on how many steps are taken at a time. */
void gl_tsne_step(gl_tsne *t, int64_t steps);
void gl_tsne_gradient(gl_tsne *t, gl_real *gradient); /* n x 2, without exaggeration */
double gl_tsne_divergence(gl_tsne *t);                /* KL(P || Q), nats */

#endif
