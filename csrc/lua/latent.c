/* latent.c -- t-SNE's maps as Lua values: map:step(10), map:places(). */
#include "latent/latent.h"

#include "lua/binding.h"

#define GLL_TSNE "genlat.TSNE"

static gl_tsne *check_map(lua_State *L) {
  gl_tsne **handle = luaL_checkudata(L, 1, GLL_TSNE);
  if (!*handle)
    gll_error(L, "tsne: this map was closed already");
  return *handle;
}

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
  gl_tsne **handle = lua_newuserdatauv(L, sizeof *handle, 0);
  *handle = NULL;
  luaL_setmetatable(L, GLL_TSNE);
  *handle = gl_tsne_new(gl_tensor_data(x), x->shape[0], x->shape[1], perplexity, gl_tensor_data(start));
  if (!*handle)
    return gl_fail_in("tsne"), gll_raise(L);
  return 1;
}

static int collect(lua_State *L) {
  gl_tsne **handle = luaL_checkudata(L, 1, GLL_TSNE);
  gl_tsne_free(*handle);
  *handle = NULL;
  return 0;
}

/* map:step(n = 1): n steps of the descent */
static int step(lua_State *L) {
  lua_Integer n = luaL_optinteger(L, 2, 1);
  luaL_argcheck(L, n >= 0, 2, "a number of steps");
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
  const gl_tsne *t = check_map(L);
  gl_real *to = gl_tensor_data(push_new(L, 2, t->n, 2));
  for (int64_t i = 0; i < t->n; i++) {
    to[2 * i] = t->y[0][i];
    to[2 * i + 1] = t->y[1][i];
  }
  return 1;
}

/* map:gradient() -> of the divergence with respect to the places, N x 2 */
static int gradient(lua_State *L) {
  gl_tsne *t = check_map(L);
  gl_tsne_gradient(t, gl_tensor_data(push_new(L, 2, t->n, 2)));
  return 1;
}

/* map:affinities() -> i, j, p: all pairs with p(i,j) > 0, as three tensors, in the order of i and then j; and the
 * bandwidths of the N points, in units of x */
static int affinities(lua_State *L) {
  const gl_affinities *a = check_map(L)->p;
  int64_t count = a->first[a->n];
  gl_real *row = gl_tensor_data(push_new(L, 1, count, 0)), *column = gl_tensor_data(push_new(L, 1, count, 0));
  gl_real *p = gl_tensor_data(push_new(L, 1, count, 0)), *bandwidth = gl_tensor_data(push_new(L, 1, a->n, 0));
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

static const luaL_Reg events[] = {{"__gc", collect}, {"__close", collect}, {NULL, NULL}};

const luaL_Reg gll_latent_functions[] = {{"tsne", tsne}, {NULL, NULL}};

void gll_open_latent(lua_State *L) {
  luaL_newmetatable(L, GLL_TSNE);
  luaL_setfuncs(L, events, 0);
  luaL_newlib(L, methods);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
}
