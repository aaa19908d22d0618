/* tensor.c -- the tensor as a Lua value: its handle, properties, methods, indexing and comparison. */
#include <limits.h>
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

static int new_handle(lua_State *L) {
  gll_push_handle(L, &gll_tensor);
  return 1;
}

int gll_push(lua_State *L, gl_tensor *t) {
  if (!t)
    return gll_raise(L);
  size_t bytes = sizeof *t + (t->buffer->refs == 1 && !t->buffer->backing ? t->buffer->bytes : 0);
  lua_pushcfunction(L, new_handle); /* which needs no memory, as the handle does */
  if (lua_pcall(L, 0, 1, 0) != LUA_OK) {
    gl_tensor_release(t);
    return lua_error(L);
  }
  *(void **)lua_touserdata(L, -1) = t;
  report(L, bytes);
  return 1;
}

gl_tensor *gll_test(lua_State *L, int i) { return gll_test_handle(L, i, &gll_tensor); }

gl_tensor *gll_check(lua_State *L, int i) { return gll_check_handle(L, i, &gll_tensor); }

gl_tensor *gll_hold(lua_State *L, int i) {
  gl_tensor *t = gll_check(L, i);
  gll_push(L, gl_tensor_retain(t));
  return t;
}

int gll_return_intact(lua_State *L, const gl_tensor *t) { return gl_tensor_intact(t) ? 1 : gll_raise(L); }

const char *gll_what_is(lua_State *L, int i) {
  if (gll_is_handle(L, i, &gll_tensor))
    return gll_test(L, i) ? "a tensor" : "a tensor that was collected already";
  return lua_isnoneornil(L, i) ? "nothing" : luaL_typename(L, i);
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
              lua_type(L, i) == LUA_TNUMBER ? lua_tostring(L, i) : gll_what_is(L, i));
  return index;
}

static gl_tensor *selected(lua_State *L, gl_tensor *x, int64_t axis, int64_t index) {
  if (x->ndim == 0)
    gll_error(L, "index: a single number has no parts (x:item() is its value)");
  int64_t size = x->shape[axis - 1];
  if (index == 0 || index > size || index < -size)
    gll_error(L, "index: %I is not in 1..%I, along axis %d of %s", (LUAI_UACINT)index, (LUAI_UACINT)size, (int)axis,
              gl_tensor_text(x));
  return apply_view(L, "select", x, 2, (gl_arg[]){{.i = axis}, {.i = index}});
}

/* One of the indices of x[{...}]: a number picks a place of an axis, {first, last, step} a range, {} all of it. */
typedef struct place {
  bool range;
  int64_t v[3];
} place;

static place read_place(lua_State *L, int i) {
  if (!lua_istable(L, i))
    return (place){.v = {check_index(L, i, "a whole number or a range {first, last}")}};
  place p = {.range = true, .v = {1, -1, 1}};
  for (int f = 0; f < 3; f++) {
    if (lua_geti(L, i, f + 1) != LUA_TNIL)
      p.v[f] = check_index(L, lua_gettop(L), "whole numbers in a range {first, last, step}");
    lua_pop(L, 1);
  }
  return p;
}

/* x[{2, {1, 3}}], x at index 1, the table at i */
static int push_indexed(lua_State *L, int i) {
  place p[GL_MAXDIM];
  int n = gll_check_length(L, i, "index", "indices", INT_MAX);
  const gl_tensor *whole = gll_check(L, 1);
  if (n > whole->ndim)
    return gll_error(L, "index: %d indices for a tensor with %d axes (%s)", n, whole->ndim, gl_tensor_text(whole));
  for (int k = 0; k < n; k++) {
    lua_geti(L, i, k + 1);
    p[k] = read_place(L, lua_gettop(L));
    lua_pop(L, 1);
  }
  lua_pushvalue(L, 1);
  for (int64_t k = 0, axis = 1; k < n; k++) {
    gl_tensor *x = gll_check(L, -1);
    const int64_t *v = p[k].v;
    if (p[k].range)
      x = apply_view(L, "slice", x, 4, (gl_arg[]){{.i = axis++}, {.i = v[0]}, {.i = v[1]}, {.i = v[2]}});
    else
      x = selected(L, x, axis, v[0]);
    gll_push(L, x);
    lua_remove(L, -2);
  }
  return 1;
}

static int push_row(lua_State *L) {
  int64_t index = check_index(L, 2, "a whole number");
  return gll_push(L, selected(L, gll_check(L, 1), 1, index));
}

/* ---- properties ---- */

void gll_push_sizes(lua_State *L, int n, const int64_t *size) {
  int64_t copy[GL_MAXDIM];
  memcpy(copy, size, sizeof *size * (size_t)n); /* as whoever holds them may be gone once there is a table */
  lua_createtable(L, n, 0);
  for (int i = 0; i < n; i++) {
    lua_pushinteger(L, copy[i]);
    lua_rawseti(L, -2, i + 1);
  }
}

static int push_shape(lua_State *L, const gl_tensor *t) {
  gll_push_sizes(L, t->ndim, t->shape);
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
  const gl_tensor *to = gll_check(L, 1), *from = gll_test(L, 3);
  if (!from && lua_type(L, 3) != LUA_TNUMBER && !lua_istable(L, 3))
    return gll_error(L, "assignment: expected a number, a table of numbers or a tensor, got %s", gll_what_is(L, 3));
  gll_use_context(L);
  if ((to->requires_grad || (from && from->requires_grad)) && gl_recording())
    return gll_error(L, "assignment: it is not recorded, and %s requires a gradient: use gl.no_grad%s",
                     to->requires_grad ? "the tensor" : "the value",
                     to->requires_grad ? "" : ", or join the parts by stack or cat");
  if (lua_istable(L, 2))
    push_indexed(L, 2);
  else
    push_row(L);
  int part = lua_gettop(L), value = 3;
  if (!from) {
    gll_push_converted(L, 3, gll_check(L, part)->dtype == GL_INT64 ? GL_INT64 : GL_FLOAT);
    value = lua_gettop(L);
  }
  if (!gl_writable(gll_check(L, 1)) || !gl_tensor_copy(gll_check(L, part), gll_check(L, value))) {
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
      return gll_error(L, "grad: expected a tensor or nil, got %s", gll_what_is(L, 3));
    if (g && !gl_same_shape(g, t))
      return gll_error(L, "grad is %s, the tensor %s", gl_tensor_text(g), gl_tensor_text(t));
    gl_tensor *copy = g ? gl_tensor_float(g) : NULL;
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
  lua_Integer typed = gll_check_whole(L, 2, "size", "axis", LUA_MININTEGER, LUA_MAXINTEGER);
  if (!gl_axis(&(gl_arg){.i = typed}, t->ndim, &axis)) {
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

static int item(lua_State *L) {
  gl_tensor *t = gll_check(L, 1);
  if (gl_tensor_numel(t) != 1)
    return gll_error(L, "item: the tensor has %I elements (%s), not one", (LUAI_UACINT)gl_tensor_numel(t),
                     gl_tensor_text(t));
  gll_push_number(L, t, 0);
  return gll_return_intact(L, t);
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
    gll_error(L, "backward: gradient: expected a tensor, got %s", gll_what_is(L, i));
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
  double value = gl_tensor_get(t, 0);
  gll_return_intact(L, t);
  return value;
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
  const gl_tensor *t = gll_hold(L, 1);
  gll_push_text(L, t);
  return gll_return_intact(L, t);
}

static const luaL_Reg methods[] = {
    {"size", size},
    {"numel", numel},
    {"item", item},
    {"totable", gll_totable},
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
    {"__newindex", newindex_event},
    {"__len", length_event},
    {"__lt", lt_event},
    {"__le", le_event},
    {"__eq", eq_event},
    {"__tostring", tostring_event},
    {NULL, NULL},
};

static void release_tensor(void *t) { gl_tensor_release(t); }

const gll_kind gll_tensor = {
    .name = "genlat.Tensor",
    .noun = "tensor",
    .release = release_tensor,
    .events = events,
    .methods = methods,
    .index = index_event,
};

void gll_open_tensor(lua_State *L, int module) {
  gll_push_kind(L, &gll_tensor);
  lua_getfield(L, -1, "methods");
  lua_setfield(L, module, "tensor_methods"); /* where Lua code adds its own */
  lua_pop(L, 1);
}
