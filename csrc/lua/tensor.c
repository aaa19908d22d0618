/* tensor.c -- the tensor as a Lua value: its handle, properties, methods, indexing and comparison. */
#include <math.h>
#include <string.h>

#include "core/shape.h"
#include "lua/binding.h"

/* Lua 5.4 counts a collector step in kilobytes, 5.5 in bytes. */
#if LUA_VERSION_NUM >= 505
#define COLLECT(L, BYTES) lua_gc(L, LUA_GCSTEP, (size_t)(BYTES))
#else
#define COLLECT(L, BYTES) lua_gc(L, LUA_GCSTEP, (int)((BYTES) / 1024))
#endif

/* ---- handles ---- */

/* Lua's collector sees a handle of a few bytes where a buffer of megabytes hangs, so it is told: every byte handed to
 * Lua is summed up and reported in portions, as each report makes the collector go round once. A portion is a share of
 * what is alive, so that garbage never outgrows it. A generational collector, which the stand-alone interpreter has,
 * takes what has survived two rounds for old and leaves it until Lua's own heap has doubled, which it never may: so
 * where what is alive has doubled, all of it is looked at. */
static void report(lua_State *L, size_t bytes) {
  enum { SMALLEST_PORTION = 4 << 20, WORTH_A_LOOK = 1 << 16 };
  static _Thread_local size_t small; /* the next state that makes a tensor here may be another one: it is not much */
  small += bytes;
  if (small < WORTH_A_LOOK)
    return;
  gll_told *told = gll_told_collector(L);
  told->handed += small;
  small = 0;
  if (told->handed < SMALLEST_PORTION)
    return;
  if (told->handed > gl_memory().live / 3) {
    size_t portion = told->handed;
    told->handed = 0;
    COLLECT(L, portion);
    if (gl_memory().live > 2 * told->alive + SMALLEST_PORTION) {
      lua_gc(L, LUA_GCCOLLECT, 0);
      told->alive = gl_memory().live;
    } else if (gl_memory().live < told->alive) {
      told->alive = gl_memory().live;
    }
  }
}

int gll_push(lua_State *L, gl_tensor *t) {
  if (!t)
    return gll_raise(L);
  static _Thread_local gl_tensor
      *in_flight; /* should Lua be out of memory and raise, the next push gives this one back */
  gl_tensor_release(in_flight);
  in_flight = t;
  gl_tensor **handle = lua_newuserdatauv(L, sizeof *handle, 0);
  *handle = t;
  in_flight = NULL;
  luaL_setmetatable(L, GLL_TENSOR);
  report(L, sizeof *t + (t->buffer->refs == 1 && !t->buffer->unmap ? t->buffer->bytes : 0));
  return 1;
}

gl_tensor *gll_test(lua_State *L, int i) {
  gl_tensor **handle = luaL_testudata(L, i, GLL_TENSOR);
  return handle ? *handle : NULL;
}

gl_tensor *gll_check(lua_State *L, int i) {
  gl_tensor **handle = luaL_checkudata(L, i, GLL_TENSOR);
  if (!*handle) /* seen by another object's finalizer */
    gll_error(L, "this tensor was collected already");
  return *handle;
}

/* "a tensor", "nothing" or the type of the value at index i, for messages. */
static const char *what_is(lua_State *L, int i) {
  return gll_test(L, i) ? "a tensor" : lua_isnoneornil(L, i) ? "nothing" : luaL_typename(L, i);
}

static int collect(lua_State *L) {
  gl_tensor **handle = luaL_checkudata(L, 1, GLL_TENSOR);
  gl_tensor_release(*handle);
  *handle = NULL;
  return 0;
}

/* ---- from tables ---- */

/* Measures the nested table at index i along its first elements. */
static int table_shape(lua_State *L, int i, int64_t *shape) {
  int ndim = 0;
  lua_pushvalue(L, i);
  while (lua_istable(L, -1)) {
    if (ndim == GL_MAXDIM)
      gll_error(L, "tensor: tables are nested more than %d deep", GL_MAXDIM);
    shape[ndim++] = luaL_len(L, -1);
    if (shape[ndim - 1] == 0)
      gll_error(L, "tensor: the table is empty");
    lua_geti(L, -1, 1);
    lua_remove(L, -2);
  }
  lua_pop(L, 1);
  return ndim;
}

static void fill_from_table(lua_State *L, int i, gl_tensor *t, int axis, int64_t *at) {
  if (axis == t->ndim) {
    int ok;
    double v = lua_tonumberx(L, i, &ok);
    if (!ok || lua_type(L, i) != LUA_TNUMBER)
      gll_error(L, "tensor: element %d is not a number but %s", (int)*at + 1,
                gll_test(L, i) ? "a tensor (stack and cat join tensors)" : luaL_typename(L, i));
    gl_tensor_set(t, (*at)++, v);
    return;
  }
  int64_t n = lua_istable(L, i) ? luaL_len(L, i) : -1;
  if (n < 0)
    gll_error(L, "tensor: the table is ragged: a %s where axis %d has %d elements", luaL_typename(L, i), axis + 1,
              (int)t->shape[axis]);
  if (n != t->shape[axis])
    gll_error(L, "tensor: the table is ragged: axis %d has %d elements here and %d there", axis + 1,
              (int)t->shape[axis], (int)n);
  for (int64_t k = 1; k <= n; k++) {
    lua_geti(L, i, k);
    fill_from_table(L, lua_gettop(L), t, axis + 1, at);
    lua_pop(L, 1);
  }
}

gl_tensor *gll_push_converted(lua_State *L, int i, gl_dtype dtype) {
  int64_t shape[GL_MAXDIM], at = 0;
  luaL_checkstack(L, 2 * GL_MAXDIM, NULL);
  int ndim = table_shape(L, i, shape);
  gl_tensor *t = gl_tensor_new(dtype, ndim, shape);
  gll_push(L, t);
  fill_from_table(L, i, t, 0, &at);
  return t;
}

/* ---- indexing ---- */

static gl_tensor *apply_view(lua_State *L, const char *op, gl_tensor *x, int narg, const gl_arg *arg) {
  gll_use_context(L);
  gl_node *n = gl_node_new(gl_op_find(op), 1);
  if (!n)
    return NULL;
  n->in[0] = gl_tensor_retain(x);
  for (int k = 0; k < narg; k++)
    n->arg[k] = arg[k];
  return gl_apply(n);
}

/* The whole number at stack index i, for x[...]. */
static int64_t check_index(lua_State *L, int i, const char *expected) {
  int ok = lua_type(L, i) == LUA_TNUMBER;
  int64_t index = ok ? lua_tointegerx(L, i, &ok) : 0;
  if (!ok)
    gll_error(L, "index: expected %s, got %s", expected,
              lua_type(L, i) == LUA_TNUMBER ? lua_tostring(L, i) : what_is(L, i));
  return index;
}

static void push_selected(lua_State *L, gl_tensor *x, int64_t axis, int64_t index) {
  if (x->ndim == 0)
    gll_error(L, "index: a single number has no parts (x:item() is its value)");
  int64_t size = x->shape[axis - 1];
  if (index == 0 || index > size || index < -size)
    gll_error(L, "index: %I is not in 1..%I, along axis %d of %s", (LUAI_UACINT)index, (LUAI_UACINT)size, (int)axis,
              gl_tensor_text(x));
  gll_push(L, apply_view(L, "select", x, 2, (gl_arg[]){{.i = axis}, {.i = index}}));
}

/* x[{2, {1, 3}}]: a number picks one index of an axis, {first, last, step} a range, {} the whole axis. */
static int push_indexed(lua_State *L, int i) {
  gl_tensor *x = gll_check(L, 1);
  lua_Integer n = luaL_len(L, i);
  int64_t axis = 1;
  if (n > x->ndim)
    return gll_error(L, "index: %d indices for a tensor with %d axes (%s)", (int)n, x->ndim, gl_tensor_text(x));
  lua_pushvalue(L, 1);
  for (int k = 1; k <= n; k++) {
    lua_geti(L, i, k);
    x = gll_check(L, -2);
    if (lua_istable(L, -1)) {
      gl_arg arg[4] = {{.i = axis}, {.i = 1}, {.i = -1}, {.i = 1}};
      for (int f = 1; f <= 3; f++) {
        if (lua_geti(L, -1, f) != LUA_TNIL)
          arg[f].i = check_index(L, lua_gettop(L), "whole numbers in a range {first, last, step}");
        lua_pop(L, 1);
      }
      axis++;
      lua_pop(L, 1);
      gll_push(L, apply_view(L, "slice", x, 4, arg));
    } else {
      int64_t index = check_index(L, lua_gettop(L), "a whole number or a range {first, last}");
      lua_pop(L, 1);
      push_selected(L, x, axis, index);
    }
    lua_remove(L, -2);
  }
  return 1;
}

static int push_row(lua_State *L) {
  push_selected(L, gll_check(L, 1), 1, check_index(L, 2, "a whole number"));
  return 1;
}

/* ---- properties ---- */

static int push_shape(lua_State *L, const gl_tensor *t) {
  lua_createtable(L, t->ndim, 0);
  for (int i = 0; i < t->ndim; i++) {
    lua_pushinteger(L, t->shape[i]);
    lua_rawseti(L, -2, i + 1);
  }
  return 1;
}

static int push_property(lua_State *L, gl_tensor *t, const char *key) {
  if (strcmp(key, "shape") == 0)
    return push_shape(L, t);
  if (strcmp(key, "grad") == 0) {
    if (t->grad)
      return gll_push(L, gl_tensor_retain(t->grad));
    lua_pushnil(L);
    return 1;
  }
  if (strcmp(key, "dtype") == 0)
    lua_pushstring(L, gl_dtype_name(t->dtype));
  else if (strcmp(key, "ndim") == 0)
    lua_pushinteger(L, t->ndim);
  else if (strcmp(key, "requires_grad") == 0)
    lua_pushboolean(L, t->requires_grad);
  else if (strcmp(key, "is_leaf") == 0)
    lua_pushboolean(L, !t->node);
  else
    return gll_error(L, "a tensor has no field or method '%s'", key);
  return 1;
}

static int index_event(lua_State *L) {
  gl_tensor *t = gll_check(L, 1);
  switch (lua_type(L, 2)) {
  case LUA_TSTRING:
    lua_pushvalue(L, 2);
    if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL)
      return 1;
    return push_property(L, t, lua_tostring(L, 2));
  case LUA_TNUMBER:
    return push_row(L);
  case LUA_TTABLE:
    return push_indexed(L, 2);
  default:
    return gll_error(L, "index: a tensor is indexed by a number, a table of them or a name, not by a %s",
                     gll_test(L, 2) ? "tensor (index_select and gather take one)" : luaL_typename(L, 2));
  }
}

static int set_requires_grad(lua_State *L, gl_tensor *t, bool on) {
  if (t->node)
    return gll_error(L, "requires_grad is set on leaves only; this tensor was computed: use detach()");
  if (t->dtype != GL_FLOAT)
    return gll_error(L, "a tensor of %s has no gradient", gl_dtype_name(t->dtype));
  t->requires_grad = on;
  return 0;
}

/* x[i] = y, x[{...}] = y */
static int assign(lua_State *L) {
  gl_tensor *x = gll_check(L, 1), *y = gll_test(L, 3);
  if (!y && lua_type(L, 3) != LUA_TNUMBER && !lua_istable(L, 3))
    return gll_error(L, "assignment: expected a number, a table of numbers or a tensor, got %s", what_is(L, 3));
  gll_use_context(L);
  if ((x->requires_grad || (y && y->requires_grad)) && gl_recording())
    return gll_error(L, "assignment: it is not recorded, and %s requires a gradient: use gl.no_grad%s",
                     x->requires_grad ? "the tensor" : "the value",
                     x->requires_grad ? "" : ", or join the parts by stack or cat");
  if (lua_istable(L, 2))
    push_indexed(L, 2);
  else
    push_row(L);
  gl_tensor *part = gll_check(L, -1);
  if (!y)
    y = gll_push_converted(L, 3, GL_FLOAT);
  if (!gl_writable(x) || !gl_tensor_copy(part, y)) {
    gl_fail_in("assignment");
    return gll_raise(L);
  }
  return 0;
}

static int newindex_event(lua_State *L) {
  gl_tensor *t = gll_check(L, 1);
  if (lua_type(L, 2) != LUA_TSTRING)
    return assign(L);
  const char *key = lua_tostring(L, 2);
  if (strcmp(key, "requires_grad") == 0)
    return set_requires_grad(L, t, lua_toboolean(L, 3));
  if (strcmp(key, "grad") == 0) {
    gl_tensor *g = gll_test(L, 3);
    if (!g && !lua_isnil(L, 3))
      return gll_error(L, "grad: expected a tensor or nil, got %s", what_is(L, 3));
    if (g && !gl_same_shape(g, t))
      return gll_error(L, "grad is %s, the tensor %s", gl_tensor_text(g), gl_tensor_text(t));
    gl_tensor *copy = g ? gl_tensor_convert(g, GL_FLOAT) : NULL;
    if (g && !copy)
      return gll_raise(L);
    gl_tensor_release(t->grad);
    t->grad = copy;
    return 0;
  }
  return gll_error(L, "a tensor's field '%s' cannot be set", key);
}

/* ---- methods ---- */

static int size(lua_State *L) {
  gl_tensor *t = gll_check(L, 1);
  if (lua_isnoneornil(L, 2))
    return push_shape(L, t);
  int axis;
  if (!gl_axis(&(gl_arg){.i = luaL_checkinteger(L, 2)}, t->ndim, &axis)) {
    gl_fail_in("size");
    return gll_raise(L);
  }
  lua_pushinteger(L, t->shape[axis]);
  return 1;
}

static int length_event(lua_State *L) {
  gl_tensor *t = gll_check(L, 1);
  if (t->ndim == 0)
    return gll_error(L, "a single number has no length");
  lua_pushinteger(L, t->shape[0]);
  return 1;
}

static int numel(lua_State *L) {
  lua_pushinteger(L, gl_tensor_numel(gll_check(L, 1)));
  return 1;
}

static void push_number(lua_State *L, const gl_tensor *t, int64_t i) {
  if (t->dtype == GL_UINT8)
    lua_pushinteger(L, (lua_Integer)gl_tensor_get(t, i));
  else
    lua_pushnumber(L, gl_tensor_get(t, i));
}

static int item(lua_State *L) {
  gl_tensor *t = gll_check(L, 1);
  if (gl_tensor_numel(t) != 1)
    return gll_error(L, "item: the tensor has %d elements (%s), not one", (int)gl_tensor_numel(t), gl_tensor_text(t));
  push_number(L, t, 0);
  return 1;
}

static void push_table(lua_State *L, const gl_tensor *t, int axis, int64_t *at) {
  if (axis == t->ndim) {
    push_number(L, t, (*at)++);
    return;
  }
  lua_createtable(L, (int)t->shape[axis], 0);
  for (int64_t i = 0; i < t->shape[axis]; i++) {
    push_table(L, t, axis + 1, at);
    lua_rawseti(L, -2, i + 1);
  }
}

static int totable(lua_State *L) {
  int64_t at = 0;
  luaL_checkstack(L, 2 * GL_MAXDIM, NULL);
  push_table(L, gll_check(L, 1), 0, &at);
  return 1;
}

static int contiguous(lua_State *L) {
  gl_tensor *t = gll_check(L, 1);
  if (t->node && !gl_tensor_is_contiguous(t)) {
    gl_arg sizes = {.list = {.n = t->ndim}};
    memcpy(sizes.list.v, t->shape, sizeof t->shape);
    return gll_push(L, apply_view(L, "reshape", t, 1, &sizes));
  }
  return gll_push(L, gl_tensor_contiguous(t));
}

static int is_contiguous(lua_State *L) {
  lua_pushboolean(L, gl_tensor_is_contiguous(gll_check(L, 1)));
  return 1;
}

static int to_float(lua_State *L) {
  gl_tensor *t = gll_check(L, 1);
  return gll_push(L, t->dtype == GL_FLOAT ? gl_tensor_retain(t) : gl_tensor_convert(t, GL_FLOAT));
}

static int to_byte(lua_State *L) {
  gl_tensor *t = gll_check(L, 1);
  return gll_push(L, t->dtype == GL_UINT8 ? gl_tensor_retain(t) : gl_tensor_convert(t, GL_UINT8));
}

static int detach(lua_State *L) { return gll_push(L, gl_detach(gll_check(L, 1))); }

static int requires_grad_(lua_State *L) {
  set_requires_grad(L, gll_check(L, 1), lua_isnone(L, 2) || lua_toboolean(L, 2));
  lua_settop(L, 1);
  return 1;
}

static gl_tensor *check_gradient(lua_State *L, int i) {
  if (!gll_test(L, i))
    gll_error(L, "backward: gradient: expected a tensor, got %s", what_is(L, i));
  return gll_test(L, i);
}

/* x:backward{gradient =, retain_graph =} or x:backward(gradient) */
static int backward(lua_State *L) {
  gl_tensor *loss = gll_check(L, 1), *gradient = NULL;
  bool retain = false;
  lua_settop(L, 2);
  if (lua_istable(L, 2)) {
    for (lua_pushnil(L); lua_next(L, 2); lua_pop(L, 1)) {
      const char *key = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : luaL_typename(L, -2);
      if (strcmp(key, "gradient") == 0)
        gradient = check_gradient(L, 4);
      else if (strcmp(key, "retain_graph") == 0)
        retain = lua_toboolean(L, 4);
      else
        return gll_error(L, "backward: there is no option '%s' (it takes gradient and retain_graph)", key);
    }
  } else if (!lua_isnil(L, 2)) {
    gradient = check_gradient(L, 2);
  }
  if (!gl_backward(loss, gradient, retain))
    return gll_raise(L);
  return 0;
}

/* ---- comparison: Lua makes the result of < and <= a boolean, so it is defined for single elements ---- */

static double single(lua_State *L, int i) {
  gl_tensor *t = gll_test(L, i);
  if (!t && lua_type(L, i) != LUA_TNUMBER)
    gll_error(L, "< and <= compare tensors and numbers, not %s", luaL_typename(L, i));
  if (!t)
    return lua_tonumber(L, i);
  if (gl_tensor_numel(t) != 1)
    gll_error(L, "< and <= compare single numbers, not a tensor of %s: use x:lt(y), x:le(y)", gl_tensor_text(t));
  return gl_tensor_get(t, 0);
}

static int lt_event(lua_State *L) {
  lua_pushboolean(L, single(L, 1) < single(L, 2));
  return 1;
}

static int le_event(lua_State *L) {
  lua_pushboolean(L, single(L, 1) <= single(L, 2));
  return 1;
}

static int eq_event(lua_State *L) { /* the same tensor, though the handles differ */
  gl_tensor *a = gll_test(L, 1), *b = gll_test(L, 2);
  lua_pushboolean(L, a && a == b);
  return 1;
}

static int tostring_event(lua_State *L) {
  gll_push_text(L, gll_check(L, 1));
  return 1;
}

static const luaL_Reg methods[] = {
    {"size", size},
    {"numel", numel},
    {"item", item},
    {"totable", totable},
    {"contiguous", contiguous},
    {"is_contiguous", is_contiguous},
    {"float", to_float},
    {"byte", to_byte},
    {"detach", detach},
    {"requires_grad_", requires_grad_},
    {"backward", backward},
    {NULL, NULL},
};

static const luaL_Reg events[] = {
    {"__gc", collect},
    {"__newindex", newindex_event},
    {"__len", length_event},
    {"__lt", lt_event},
    {"__le", le_event},
    {"__eq", eq_event},
    {"__tostring", tostring_event},
    {NULL, NULL},
};

void gll_open_tensor(lua_State *L, int module) {
  luaL_newmetatable(L, GLL_TENSOR);
  luaL_setfuncs(L, events, 0);
  luaL_newlib(L, methods);
  lua_pushvalue(L, -1);
  lua_setfield(L, -3, "methods"); /* the metatable's, where ops are added */
  lua_pushvalue(L, -1);
  lua_setfield(L, module, "tensor_methods"); /* where Lua code adds its own */
  lua_pushcclosure(L, index_event, 1);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
}
