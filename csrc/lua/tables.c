/* tables.c -- tensors from nested tables of numbers, and back. */
#include <limits.h>
#include <string.h>

#include "lua/binding.h"

/* ---- from tables ---- */

/* Measures the nested table at index i along its first elements. */
static int table_shape(lua_State *L, int i, int64_t *shape) {
  int ndim = 0;
  lua_pushvalue(L, i);
  while (lua_istable(L, -1)) {
    if (ndim == GL_MAXDIM)
      gll_error(L, "tensor: tables are nested more than %d deep", GL_MAXDIM);
    shape[ndim++] = gll_check_length(L, lua_gettop(L), "tensor", "table", INT_MAX);
    if (shape[ndim - 1] == 0)
      gll_error(L, "tensor: the table is empty");
    lua_geti(L, -1, 1);
    lua_remove(L, -2);
  }
  lua_pop(L, 1);
  return ndim;
}

/* A tensor that is being filled: what the table's metamethods do to its handle is noticed. */
typedef struct filling {
  void **handle;
  int ndim;
  int64_t shape[GL_MAXDIM], at; /* at: the next element, from 0 */
} filling;

static void fill_element(lua_State *L, int i, filling *f) {
  if (lua_type(L, i) != LUA_TNUMBER)
    gll_error(L, "tensor: element %I is not a number but %s", (LUAI_UACINT)f->at + 1,
              gll_test(L, i) ? "a tensor (stack and cat join tensors)" : luaL_typename(L, i));
  if (!*f->handle)
    gll_error(L, "tensor: it was collected while the table was read");
  gl_tensor_set(*f->handle, f->at++, lua_tonumber(L, i));
}

static void fill_from_table(lua_State *L, int i, int axis, filling *f) {
  if (axis == f->ndim) {
    fill_element(L, i, f);
    return;
  }
  const int64_t wanted = f->shape[axis];
  if (!lua_istable(L, i))
    gll_error(L, "tensor: the table is ragged: a %s where axis %d has %I elements", luaL_typename(L, i), axis + 1,
              (LUAI_UACINT)wanted);
  const int64_t n = gll_check_length(L, i, "tensor", "table", INT_MAX);
  if (n != wanted)
    gll_error(L, "tensor: the table is ragged: axis %d has %I elements here and %I there", axis + 1,
              (LUAI_UACINT)wanted, (LUAI_UACINT)n);
  for (int64_t k = 1; k <= n; k++) {
    lua_geti(L, i, k);
    fill_from_table(L, lua_gettop(L), axis + 1, f);
    lua_pop(L, 1);
  }
}

gl_tensor *gll_push_converted(lua_State *L, int i, gl_dtype dtype) {
  filling f = {.at = 0};
  luaL_checkstack(L, 3 * GL_MAXDIM, NULL);
  f.ndim = table_shape(L, i, f.shape);
  gl_tensor *t = gl_tensor_new(dtype, f.ndim, f.shape);
  if (!t)
    gl_fail_in("tensor");
  gll_push(L, t);
  f.handle = lua_touserdata(L, -1);
  fill_from_table(L, i, 0, &f);
  return gll_check(L, -1);
}

/* ---- to tables ---- */

void gll_push_list(lua_State *L, int64_t n) { lua_createtable(L, n < INT_MAX ? (int)n : INT_MAX, 0); }

void gll_push_number(lua_State *L, const gl_tensor *t, int64_t i) {
  if (t->dtype != GL_FLOAT)
    lua_pushinteger(L, (lua_Integer)gl_tensor_get(t, i));
  else
    lua_pushnumber(L, gl_tensor_get(t, i));
}

/* Pushes the elements along `axis` of the tensor at index 1, from element *at on. */
static void push_table(lua_State *L, int ndim, const int64_t *shape, int axis, int64_t *at) {
  if (axis == ndim) {
    gll_push_number(L, gll_check(L, 1), (*at)++);
    return;
  }
  gll_push_list(L, shape[axis]);
  for (int64_t i = 0; i < shape[axis]; i++) {
    push_table(L, ndim, shape, axis + 1, at);
    lua_rawseti(L, -2, i + 1);
  }
}

int gll_totable(lua_State *L) {
  int64_t shape[GL_MAXDIM], at = 0;
  luaL_checkstack(L, 2 * GL_MAXDIM, NULL);
  const gl_tensor *t = gll_check(L, 1);
  int ndim = t->ndim;
  memcpy(shape, t->shape, sizeof shape);
  push_table(L, ndim, shape, 0, &at);
  return gll_return_intact(L, gll_check(L, 1));
}
