/* linalg.c -- core.linalg: linear algebra in double precision, as Lua's numbers are. A matrix is a list of rows, or a
 * tensor. */
#include "core/linalg.h"

#include <string.h>

#include "core/parallel.h"
#include "core/shape.h"
#include "latent/latent.h"
#include "lua/binding.h"

/* Room for numbers, which Lua's collector frees; left on the stack. */
static double *push_room(lua_State *L, int64_t rows, int64_t columns) {
  int64_t count;
  if (!gl_size_multiply(rows, columns, &count))
    gll_raise(L);
  return lua_newuserdatauv(L, (size_t)count * sizeof(double), 0);
}

/* ---- matrices in ---- */

typedef struct matrix {
  int64_t rows, columns;
  double *a;
} matrix;

static void read_row(lua_State *L, const char *name, const matrix *m, int64_t i) {
  if (!lua_istable(L, -1) || (int64_t)lua_rawlen(L, -1) != m->columns)
    gll_error(L, "%s: expected a matrix: row %I is not a list of %I numbers", name, (LUAI_UACINT)(i + 1),
              (LUAI_UACINT)m->columns);
  for (int64_t j = 0; j < m->columns; j++) {
    lua_rawgeti(L, -1, j + 1);
    if (lua_type(L, -1) != LUA_TNUMBER)
      gll_error(L, "%s: element %I of row %I is not a number but %s", name, (LUAI_UACINT)(j + 1), (LUAI_UACINT)(i + 1),
                luaL_typename(L, -1));
    m->a[i * m->columns + j] = lua_tonumber(L, -1);
    lua_pop(L, 1);
  }
}

/* Reads the matrix at index i. Its numbers stay on the stack. */
static matrix push_matrix(lua_State *L, const char *name, int i) {
  matrix m = {0};
  if (gll_is_handle(L, i, &gll_tensor)) {
    const gl_tensor *t = gll_hold(L, i);
    if (t->ndim != 2)
      gll_error(L, "%s: expected a matrix, got a tensor of %d axes", name, t->ndim);
    m = (matrix){t->shape[0], t->shape[1], push_room(L, t->shape[0], t->shape[1])};
    for (int64_t k = 0; k < m.rows * m.columns; k++)
      m.a[k] = gl_tensor_get(t, k);
    return m;
  }
  if (!lua_istable(L, i) || lua_rawlen(L, i) == 0)
    gll_error(L, "%s: expected a matrix, got %s", name, luaL_typename(L, i));
  m.rows = (int64_t)lua_rawlen(L, i);
  if (lua_rawgeti(L, i, 1) != LUA_TTABLE || lua_rawlen(L, -1) == 0)
    gll_error(L, "%s: expected a matrix: row 1 is not a list of numbers", name);
  m.columns = (int64_t)lua_rawlen(L, -1);
  lua_pop(L, 1);
  m.a = push_room(L, m.rows, m.columns);
  for (int64_t k = 0; k < m.rows; k++) {
    lua_rawgeti(L, i, k + 1);
    read_row(L, name, &m, k);
    lua_pop(L, 1);
  }
  return m;
}

static matrix push_square(lua_State *L, const char *name, int i) {
  matrix m = push_matrix(L, name, i);
  if (m.rows != m.columns)
    gll_error(L, "%s: expected a square matrix, got %I x %I", name, (LUAI_UACINT)m.rows, (LUAI_UACINT)m.columns);
  return m;
}

/* The float tensor N x D at index i, contiguous, on the stack. */
static const gl_tensor *push_points(lua_State *L, const char *name, int i) {
  gl_tensor *t = gll_check(L, i);
  if (t->ndim != 2 || t->dtype != GL_FLOAT)
    gll_error(L, "%s: expected a tensor of N x D floats", name);
  gll_push(L, gl_tensor_contiguous(t));
  return gll_check(L, -1);
}

/* ---- and out ---- */

static void push_list(lua_State *L, const double *a, int64_t n) {
  gll_push_list(L, n);
  for (int64_t i = 0; i < n; i++) {
    lua_pushnumber(L, a[i]);
    lua_rawseti(L, -2, i + 1);
  }
}

static void push_rows(lua_State *L, const double *a, int64_t rows, int64_t columns) {
  gll_push_list(L, rows);
  for (int64_t i = 0; i < rows; i++) {
    push_list(L, a + i * columns, columns);
    lua_rawseti(L, -2, i + 1);
  }
}

/* Raises what gl_error() says of an operation that failed. */
static int fail(lua_State *L, const char *name) { return gl_fail_in(name), gll_raise(L); }

/* ---- functions ---- */

/* eigh(matrix, count = all) -> the eigenvalues of a symmetric matrix, falling, and the first eigenvectors, as rows */
static int eigh(lua_State *L) {
  lua_settop(L, 2);
  matrix m = push_square(L, "eigh", 1);
  lua_Integer count = gll_option_whole(L, 2, "eigh", "count", m.rows, LUA_MININTEGER, LUA_MAXINTEGER);
  if (count < 0 || count > m.rows)
    return gll_error(L, "eigh: a matrix of %I rows has not %I eigenvectors", (LUAI_UACINT)m.rows, (LUAI_UACINT)count);
  double *values = push_room(L, m.rows, 1);
  if (!gl_eigh(m.rows, m.a, values))
    return fail(L, "eigh");
  push_list(L, values, m.rows);
  push_rows(L, m.a, count, m.rows);
  return 2;
}

/* cholesky(matrix) -> the lower triangular l with l l' = matrix, as rows; nil where it is not positive definite */
static int cholesky(lua_State *L) {
  lua_settop(L, 1);
  matrix m = push_square(L, "cholesky", 1);
  bool definite;
  if (!gl_cholesky(m.rows, m.a, &definite) || !definite)
    return lua_pushnil(L), 1;
  push_rows(L, m.a, m.rows, m.rows);
  return 1;
}

/* inverse_lower(l) -> the inverse of a lower triangular matrix, as rows */
static int inverse_lower(lua_State *L) {
  lua_settop(L, 1);
  matrix m = push_square(L, "inverse_lower", 1);
  if (!gl_inverse_lower(m.rows, m.a))
    return fail(L, "inverse_lower");
  push_rows(L, m.a, m.rows, m.rows);
  return 1;
}

/* product(a, b) -> a b, as rows */
static int product(lua_State *L) {
  lua_settop(L, 2);
  matrix a = push_matrix(L, "product", 1), b = push_matrix(L, "product", 2);
  if (a.columns != b.rows)
    return gll_error(L, "product: %I x %I by %I x %I", (LUAI_UACINT)a.rows, (LUAI_UACINT)a.columns, (LUAI_UACINT)b.rows,
                     (LUAI_UACINT)b.columns);
  if (!gl_gemm_fits(a.rows, b.columns, a.columns))
    return fail(L, "product");
  double *c = push_room(L, a.rows, b.columns);
  gl_product64(a.rows, a.columns, b.columns, a.a, b.a, c);
  push_rows(L, c, a.rows, b.columns);
  return 1;
}

/* moments(x) -> mean, a list, and covariance (divided by N - 1), rows, of the rows of x, N x D */
static int moments(lua_State *L) {
  lua_settop(L, 1);
  const gl_tensor *x = push_points(L, "moments", 1);
  int64_t d = x->shape[1];
  double *mean = push_room(L, d, 1), *covariance = push_room(L, d, d);
  if (!gl_moments(gl_tensor_data(x), x->shape[0], d, mean, covariance))
    return fail(L, "moments");
  push_list(L, mean, d);
  push_rows(L, covariance, d, d);
  return 2;
}

static gl_tensor *push_tensor(lua_State *L, int ndim, int64_t rows, int64_t columns) {
  gll_push(L, gl_tensor_new(GL_FLOAT, ndim, (int64_t[]){rows, columns}));
  return gll_check(L, -1);
}

/* principal(x, k) -> the k first principal components of the rows of x, N x D: mean (tensor of D), axes (tensor, D x
 * k), their variances, falling (list), and the sum of all D variances */
static int principal(lua_State *L) {
  lua_Integer k = gll_check_whole(L, 2, "principal", "k", LUA_MININTEGER, LUA_MAXINTEGER);
  lua_settop(L, 2);
  const gl_tensor *x = push_points(L, "principal", 1);
  int64_t d = x->shape[1];
  if (k < 1 || k > d)
    return gll_error(L, "principal: vectors of %I numbers have not %I components", (LUAI_UACINT)d, (LUAI_UACINT)k);
  double *mean = push_room(L, d, 1), *axes = push_room(L, k, d), *variance = push_room(L, k, 1), total;
  if (!gl_principal(gl_tensor_data(x), x->shape[0], d, k, mean, axes, variance, &total))
    return fail(L, "principal");
  gl_real *to = gl_tensor_data(push_tensor(L, 1, d, 0));
  for (int64_t c = 0; c < d; c++)
    to[c] = (gl_real)mean[c];
  to = gl_tensor_data(push_tensor(L, 2, d, k));
  for (int64_t c = 0; c < d; c++)
    for (int64_t i = 0; i < k; i++)
      to[c * k + i] = (gl_real)axes[i * d + c];
  push_list(L, variance, k);
  lua_pushnumber(L, total);
  return 4;
}

/* ---- neighbours ---- */

typedef struct radii {
  double *radius;
  int64_t k;
} radii;

static void take_radius(void *context, int64_t i, const int32_t *place, const double *distance) {
  const radii *r = context;
  (void)place;
  for (int64_t m = 0; m < r->k; m++)
    r->radius[i] = distance[m] > r->radius[i] ? distance[m] : r->radius[i];
}

/* neighbour_radii(x, k) -> of each row of x (N x D) the squared distance to its k-th nearest other one, a list */
static int neighbour_radii(lua_State *L) {
  lua_Integer k = gll_check_whole(L, 2, "neighbour_radii", "k", LUA_MININTEGER, LUA_MAXINTEGER);
  lua_settop(L, 2);
  const gl_tensor *x = push_points(L, "neighbour_radii", 1);
  int64_t n = x->shape[0];
  if (k < 1 || k >= n)
    return gll_error(L, "neighbour_radii: k is from 1 to %I, not %I", (LUAI_UACINT)(n - 1), (LUAI_UACINT)k);
  radii r = {push_room(L, n, 1), k};
  memset(r.radius, 0, (size_t)n * sizeof *r.radius);
  gl_cloud cloud;
  bool ok =
      gl_cloud_make(&cloud, gl_tensor_data(x), n, x->shape[1], NULL) && gl_near_search(&cloud, k, take_radius, &r);
  gl_cloud_free(&cloud);
  if (!ok)
    return fail(L, "neighbour_radii");
  push_list(L, r.radius, n);
  return 1;
}

/* count_within(x, y, radii) -> how many rows of x lie within the squared radius of a row of y */
static int count_within(lua_State *L) {
  lua_settop(L, 3);
  const gl_tensor *x = push_points(L, "count_within", 1), *y = push_points(L, "count_within", 2);
  if (x->shape[1] != y->shape[1])
    return gll_error(L, "count_within: points of %I and of %I dimensions", (LUAI_UACINT)x->shape[1],
                     (LUAI_UACINT)y->shape[1]);
  if (!lua_istable(L, 3) || (int64_t)lua_rawlen(L, 3) != y->shape[0])
    return gll_error(L, "count_within: expected a radius for each of %I points", (LUAI_UACINT)y->shape[0]);
  double *radius = push_room(L, y->shape[0], 1);
  for (int64_t i = 0; i < y->shape[0]; i++) {
    lua_rawgeti(L, 3, i + 1);
    radius[i] = luaL_checknumber(L, -1);
    lua_pop(L, 1);
  }
  gl_cloud a = {0}, b;
  int64_t count = 0;
  bool ok = gl_cloud_make(&b, gl_tensor_data(y), y->shape[0], y->shape[1], NULL) &&
            gl_cloud_make(&a, gl_tensor_data(x), x->shape[0], x->shape[1], &b) && gl_near_count(&a, &b, radius, &count);
  gl_cloud_free(&a);
  gl_cloud_free(&b);
  if (!ok)
    return fail(L, "count_within");
  lua_pushinteger(L, count);
  return 1;
}

const luaL_Reg gll_linalg_functions[] = {
    {"eigh", eigh},
    {"cholesky", cholesky},
    {"inverse_lower", inverse_lower},
    {"product", product},
    {"moments", moments},
    {"principal", principal},
    {"neighbour_radii", neighbour_radii},
    {"count_within", count_within},
    {NULL, NULL},
};
