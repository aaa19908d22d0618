/* create.c -- functions that make tensors: zeros, arange, rand, ... */
#include <math.h>
#include <string.h>

#include "core/shape.h"
#include "lua/binding.h"

typedef struct creation {
  int ndim;
  int64_t shape[GL_MAXDIM];
  gl_dtype dtype;
  bool requires_grad;
} creation;

static gl_dtype check_dtype(lua_State *L, const char *name, int i) {
  const char *word = lua_type(L, i) == LUA_TSTRING ? lua_tostring(L, i) : NULL;
  if (!word)
    gll_error(L, "%s: dtype is 'float32', 'uint8' or 'int64', not %s", name, gll_what_is(L, i));
  if (strcmp(word, "uint8") == 0 || strcmp(word, "int64") == 0)
    return *word == 'u' ? GL_UINT8 : GL_INT64;
  if (strcmp(word, gl_dtype_name(GL_FLOAT)) != 0 && strcmp(word, "float") != 0)
    gll_error(L, "%s: dtype is 'float32', 'uint8' or 'int64', not '%s'", name, word);
  return GL_FLOAT;
}

/* Reads the options dtype and requires_grad of the table at i; other names are mistakes, and so are elements, unless
 * the table is the list of sizes too. */
static void read_options(lua_State *L, const char *name, int i, bool is_list, creation *c) {
  if (!lua_istable(L, i))
    gll_error(L, "%s: expected a table of options, got %s", name, luaL_typename(L, i));
  lua_pushnil(L);
  while (lua_next(L, i)) {
    const char *key = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : NULL;
    if (!key && !is_list)
      gll_error(L, "%s: options are given by name", name);
    if (key && strcmp(key, "dtype") == 0)
      c->dtype = check_dtype(L, name, lua_gettop(L));
    else if (key && strcmp(key, "requires_grad") == 0)
      c->requires_grad = lua_toboolean(L, -1);
    else if (key)
      gll_error(L, "%s: there is no option '%s' (it takes dtype and requires_grad)", name, key);
    lua_pop(L, 1);
  }
}

/* Options in a table at the end: the last argument, if it is a table. */
static void read_creation(lua_State *L, const char *name, int first, creation *c) {
  int last = lua_gettop(L);
  memset(c, 0, sizeof *c);
  if (last >= first && lua_istable(L, last)) {
    read_options(L, name, last, last == first, c);
    if (last > first)
      last--;
  }
  c->ndim = gll_read_sizes(L, name, first, last, c->shape);
}

static void set_requires_grad(lua_State *L, const char *name, const creation *c, gl_tensor *t) {
  if (c->requires_grad && t->dtype != GL_FLOAT)
    gll_error(L, "%s: a tensor of %s has no gradient", name, gl_dtype_name(t->dtype));
  t->requires_grad = c->requires_grad;
}

static gl_tensor *push_new(lua_State *L, const char *name, const creation *c) {
  gl_tensor *t = gl_tensor_new(c->dtype, c->ndim, c->shape);
  if (!t)
    gl_fail_in(name);
  gll_push(L, t);
  t = gll_check(L, -1);
  set_requires_grad(L, name, c, t);
  return t;
}

static int filled(lua_State *L, const char *name, int first, double value) {
  creation c;
  read_creation(L, name, first, &c);
  gl_tensor_fill(push_new(L, name, &c), value);
  return 1;
}

static int zeros(lua_State *L) { return filled(L, "zeros", 1, 0); }
static int ones(lua_State *L) { return filled(L, "ones", 1, 1); }

/* full(sizes, value, options) */
static int full(lua_State *L) {
  creation c;
  memset(&c, 0, sizeof c);
  c.ndim = gll_read_sizes(L, "full", 1, 1, c.shape);
  if (lua_type(L, 2) != LUA_TNUMBER)
    return gll_error(L, "full: value: expected a number, got %s (several sizes come in a table: full({2, 3}, 0))",
                     lua_isnoneornil(L, 2) ? "nothing" : luaL_typename(L, 2));
  double value = lua_tonumber(L, 2);
  if (lua_type(L, 3) == LUA_TNUMBER)
    return gll_error(L, "full: several sizes come in a table: full({2, 3}, 0)");
  if (!lua_isnoneornil(L, 3))
    read_options(L, "full", 3, false, &c);
  gl_tensor_fill(push_new(L, "full", &c), value);
  return 1;
}

/* tensor(number or nested table, options); tensor(tensor, options) is a copy that is not recorded */
static int tensor(lua_State *L) {
  creation c;
  memset(&c, 0, sizeof c);
  gl_tensor *t = gll_test(L, 1);
  c.dtype = t ? t->dtype : GL_FLOAT;
  if (!lua_isnoneornil(L, 2))
    read_options(L, "tensor", 2, false, &c);
  if (!t && lua_type(L, 1) != LUA_TNUMBER && !lua_istable(L, 1))
    return gll_error(L, "tensor: expected a number or a table of numbers, got %s",
                     lua_isnone(L, 1) ? "nothing" : luaL_typename(L, 1));
  if (t)
    gll_push(L, gl_tensor_convert(gll_check(L, 1), c.dtype));
  else
    gll_push_converted(L, 1, c.dtype);
  set_requires_grad(L, "tensor", &c, gll_check(L, -1));
  return 1;
}

static const lua_Integer MOST_ELEMENTS = (lua_Integer)1 << 53; /* as many as a double counts */

static gl_tensor *push_vector(lua_State *L, const char *name, double n, gl_dtype dtype) {
  if (!(n >= 1 && n <= (double)MOST_ELEMENTS))
    gll_error(L, "%s: that makes %s elements", name, n < 1 ? "no" : "no finite number of");
  return push_new(L, name, &(creation){.ndim = 1, .shape = {(int64_t)n}, .dtype = dtype});
}

/* arange(last), arange(first, last), arange(first, last, step): first, first + step, ... up to and including last */
static int arange(lua_State *L) {
  double first = lua_gettop(L) > 1 ? luaL_checknumber(L, 1) : 1, last = luaL_checknumber(L, lua_gettop(L) > 1 ? 2 : 1);
  double step = luaL_optnumber(L, 3, 1);
  if (step == 0)
    return gll_error(L, "arange: the step cannot be 0");
  bool whole = first == floor(first) && step == floor(step);
  double most = fmax(fabs(first), fabs(last));
  gl_tensor *t = push_vector(L, "arange", floor((last - first) / step + 1e-9) + 1,
                             whole && most > (double)GL_WHOLE_MOST && most < 0x1p53 ? GL_INT64 : GL_FLOAT);
  for (int64_t i = 0; i < t->shape[0]; i++)
    gl_tensor_set(t, i, first + (double)i * step);
  return 1;
}

/* linspace(first, last, n): n numbers, evenly spaced, both ends among them */
static int linspace(lua_State *L) {
  double first = luaL_checknumber(L, 1), last = luaL_checknumber(L, 2);
  gl_tensor *t = push_vector(L, "linspace",
                             (double)gll_check_whole(L, 3, "linspace", "n", LUA_MININTEGER, LUA_MAXINTEGER), GL_FLOAT);
  int64_t n = t->shape[0];
  for (int64_t i = 0; i < n; i++)
    gl_tensor_set(t, i, n == 1 ? first : first + (last - first) * (double)i / (double)(n - 1));
  return 1;
}

static int eye(lua_State *L) {
  int64_t n = gll_check_whole(L, 1, "eye", "n", 1, LUA_MAXINTEGER);
  gl_tensor *t = push_new(L, "eye", &(creation){.ndim = 2, .shape = {n, n}});
  gl_tensor_fill(t, 0);
  for (int64_t i = 0; i < n; i++)
    gl_tensor_set(t, i * n + i, 1);
  return 1;
}

static int random_filled(lua_State *L, const char *name, void (*draw)(gl_rng *, gl_real *, int64_t, double, double)) {
  creation c;
  read_creation(L, name, 1, &c);
  if (c.dtype != GL_FLOAT)
    return gll_error(L, "%s: makes float32 tensors", name);
  gl_tensor *t = push_new(L, name, &c);
  gll_use_context(L);
  draw(gl_rng_default(), gl_tensor_data(t), gl_tensor_numel(t), 0, 1);
  return 1;
}

static int rand_(lua_State *L) { return random_filled(L, "rand", gl_rng_uniform); }
static int randn(lua_State *L) { return random_filled(L, "randn", gl_rng_normal); }

/* randperm(n), or, independent of gl.seed, randperm(n, seed, stream): 1 .. n in random order */
static int randperm(lua_State *L) {
  lua_Integer n = gll_check_whole(L, 1, "randperm", "n", LUA_MININTEGER, LUA_MAXINTEGER);
  if (n < 1 || n > UINT32_MAX)
    return gll_error(L, "randperm: expected a number from 1 to 2^32 - 1, got %I", (LUAI_UACINT)n);
  bool own = !lua_isnoneornil(L, 2);
  uint64_t seed = own ? (uint64_t)gll_check_whole(L, 2, "randperm", "seed", LUA_MININTEGER, LUA_MAXINTEGER) : 0;
  uint64_t stream = (uint64_t)gll_option_whole(L, 3, "randperm", "stream", 0, LUA_MININTEGER, LUA_MAXINTEGER);
  gl_tensor *t = push_vector(L, "randperm", (double)n, n > GL_WHOLE_MOST ? GL_INT64 : GL_FLOAT);
  gll_use_context(L);
  gl_rng *rng = gl_rng_default();
  if (!own) {
    seed = rng->seed;
    stream = ~rng->counter;
  }
  uint32_t *order = gl_alloc_array(n, 1, sizeof *order);
  if (!order)
    return gll_raise(L);
  gl_rng_permutation(seed, stream, order, (uint32_t)n);
  for (int64_t i = 0; i < n && t->dtype == GL_FLOAT; i++)
    gl_tensor_data(t)[i] = (gl_real)(order[i] + 1);
  for (int64_t i = 0; i < n && t->dtype == GL_INT64; i++)
    gl_tensor_places(t)[i] = (int64_t)order[i] + 1;
  gl_free(order);
  rng->counter += !own;
  return 1;
}

/* batch(images, order, first, count, how): see gl_batch; how is "none", "dynamic" or "threshold" */
static int batch(lua_State *L) {
  static const char *const ways[] = {"none", "dynamic", "threshold", NULL};
  int how = luaL_checkoption(L, 5, "none", ways);
  lua_Integer first = gll_check_whole(L, 3, "batch", "first", 1, LUA_MAXINTEGER);
  lua_Integer count = gll_check_whole(L, 4, "batch", "count", 1, LUA_MAXINTEGER);
  gll_use_context(L);
  return gll_push(L, gl_batch(gll_check(L, 1), gll_check(L, 2), first, count, (gl_binarize)how));
}

/* shift(images, most): see gl_shift */
static int shift(lua_State *L) {
  lua_Integer most = gll_check_whole(L, 2, "shift", "most", 0, GL_SHIFT_MOST);
  gll_use_context(L);
  return gll_push(L, gl_shift(gll_check(L, 1), most));
}

const luaL_Reg gll_create_functions[] = {
    {"tensor", tensor},     {"zeros", zeros}, {"ones", ones},  {"full", full},   {"arange", arange},
    {"linspace", linspace}, {"eye", eye},     {"rand", rand_}, {"randn", randn}, {"randperm", randperm},
    {"batch", batch},       {"shift", shift}, {NULL, NULL},
};
