/* hash.c -- 64-bit hashes that tell names, lists of files and data sets apart. */
#include "core/parallel.h"
#include "core/shape.h"
#include "io/io.h"

/* FNV-1a over the bytes, then splitmix64's finish, so that the high bits are as good as the low ones. */
uint64_t gl_hash(const void *text, size_t n, uint64_t seed) {
  const uint8_t *byte = text;
  uint64_t h = 0xcbf29ce484222325u ^ seed;
  for (size_t i = 0; i < n; i++)
    h = (h ^ byte[i]) * 0x100000001b3u;
  h = (h ^ h >> 30) * 0xbf58476d1ce4e5b9u;
  h = (h ^ h >> 27) * 0x94d049bb133111ebu;
  return h ^ h >> 31;
}

typedef struct row_job {
  const gl_tensor *t;
  int64_t size; /* values in a row */
  uint64_t *hash;
} row_job;

/* Whole numbers are hashed as 64-bit integers, so that all types that hold them agree; what is none counts as 0. */
static uint64_t hash_numbers(const gl_tensor *t, int64_t first, int64_t n) {
  uint64_t h = 0;
  for (int64_t i = first; i < first + n; i++) {
    double v = t->dtype == GL_FLOAT ? (double)gl_tensor_data(t)[i] : 0;
    int64_t whole = t->dtype == GL_INT64 ? gl_tensor_places(t)[i] : v > -9e18 && v < 9e18 ? (int64_t)v : 0;
    h = gl_hash(&whole, sizeof whole, h);
  }
  return h;
}

static void hash_some(int64_t from, int64_t to, void *context) {
  const row_job *j = context;
  for (int64_t i = from; i < to; i++)
    j->hash[i] = j->t->dtype == GL_UINT8 ? gl_hash(gl_tensor_bytes(j->t) + i * j->size, (size_t)j->size, 0)
                                         : hash_numbers(j->t, i * j->size, j->size);
}

/* The hash of the rows' hashes, chained. */
bool gl_hash_rows(const gl_tensor *t, uint64_t *hash) {
  int64_t n = t->shape[0];
  if (n == 0)
    return true;
  uint64_t *each = gl_alloc_array(n, 1, sizeof *each);
  if (!each)
    return false;
  row_job j = {t, gl_tensor_numel(t) / n, each};
  gl_parallel(n, (int)(j.size < 4096 ? j.size : 4096), hash_some, &j);
  for (int64_t i = 0; i < n; i++)
    *hash = gl_hash(&each[i], sizeof each[i], *hash);
  gl_free(each);
  return gl_tensor_intact(t);
}
