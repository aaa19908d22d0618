/* latent.c -- t-SNE's maps as Lua values: map:step(10), map:places(). */
#include "latent/latent.h"

#include "lua/binding.h"

static const gll_kind kind;

/* To be asked again after whatever may have run Lua code. */
static gl_tsne *check_map(lua_State *L) { return gll_check_handle(L, 1, &kind); }

/* Pushes the float matrix at stack index i in contiguous memory. */
static gl_tensor *push_matrix(lua_State *L, int i, const char *what) {
  gl_tensor *t = gll_check(L, i);
  if (t->ndim != 2 || t->dtype != GL_FLOAT)
    gll_error(L, "tsne: %s: expected a matrix of floats", what);
  gll_push(L, gl_tensor_contiguous(t));
  return gll_check(L, -1);
}

/* tsne(x, perplexity, start) -> a map under way. x: N x D; start: N x 2, where the points are at first. */
static int tsne(lua_State *L) {
  double perplexity = luaL_checknumber(L, 2);
  const gl_tensor *x = push_matrix(L, 1, "points"), *start = push_matrix(L, 3, "start");
  if (start->shape[0] != x->shape[0] || start->shape[1] != 2)
    return gll_error(L, "tsne: start: expected %I x 2, got %I x %I", (LUAI_UACINT)x->shape[0],
                     (LUAI_UACINT)start->shape[0], (LUAI_UACINT)start->shape[1]);
  void **handle = gll_push_handle(L, &kind);
  *handle = gl_tsne_new(gl_tensor_data(x), x->shape[0], x->shape[1], perplexity, gl_tensor_data(start));
  if (!*handle)
    return gl_fail_in("tsne"), gll_raise(L);
  return 1;
}

/* map:step(n = 1): n steps of the descent */
static int step(lua_State *L) {
  lua_Integer n = gll_option_whole(L, 2, "step", "the number of steps", 1, 0, LUA_MAXINTEGER);
  gl_tsne_step(check_map(L), n);
  return 0;
}

/* map:divergence() -> KL(P || Q) in nats */
static int divergence(lua_State *L) {
  lua_pushnumber(L, gl_tsne_divergence(check_map(L)));
  return 1;
}

static gl_tensor *push_new(lua_State *L, int ndim, int64_t rows, int64_t columns) {
  gll_push(L, gl_tensor_new(GL_FLOAT, ndim, (int64_t[]){rows, columns}));
  return gll_check(L, -1);
}

/* map:places() -> where the points are, N x 2 */
static int places(lua_State *L) {
  gl_real *to = gl_tensor_data(push_new(L, 2, check_map(L)->n, 2));
  const gl_tsne *t = check_map(L);
  for (int64_t i = 0; i < t->n; i++) {
    to[2 * i] = t->y[0][i];
    to[2 * i + 1] = t->y[1][i];
  }
  return 1;
}

/* map:gradient() -> of the divergence with respect to the places, N x 2 */
static int gradient(lua_State *L) {
  gl_real *to = gl_tensor_data(push_new(L, 2, check_map(L)->n, 2));
  gl_tsne_gradient(check_map(L), to);
  return 1;
}

/* map:affinities() -> i, j, p: all pairs with p(i,j) > 0, as three tensors, in the order of i and then j; and the
 * bandwidths of the N points, in units of x */
static int affinities(lua_State *L) {
  const gl_affinities *a = check_map(L)->p;
  const int64_t points = a->n, count = a->first[points];
  gl_real *row = gl_tensor_data(push_new(L, 1, count, 0)), *column = gl_tensor_data(push_new(L, 1, count, 0));
  gl_real *p = gl_tensor_data(push_new(L, 1, count, 0)), *bandwidth = gl_tensor_data(push_new(L, 1, points, 0));
  a = check_map(L)->p;
  for (int64_t i = 0; i < a->n; i++) {
    bandwidth[i] = a->bandwidth[i];
    for (int64_t e = a->first[i]; e < a->first[i + 1]; e++) {
      row[e] = (gl_real)(i + 1);
      column[e] = (gl_real)(a->column[e] + 1);
      p[e] = a->p[e];
    }
  }
  return 4;
}

static const luaL_Reg methods[] = {
    {"step", step},         {"divergence", divergence}, {"places", places},
    {"gradient", gradient}, {"affinities", affinities}, {NULL, NULL},
};

static void release(void *t) { gl_tsne_free(t); }

static const gll_kind kind = {
    .name = "genlat.Map", .noun = "map", .closable = true, .release = release, .methods = methods};

const luaL_Reg gll_latent_functions[] = {{"tsne", tsne}, {NULL, NULL}};
