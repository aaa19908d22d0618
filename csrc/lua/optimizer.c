/* optimizer.c -- optimizers and gradient clipping as Lua values: opt.lr = 1e-4, opt:step(), opt:zero_grad(). */
#include <stdio.h>
#include <string.h>

#include "core/plain.h"
#include "lua/binding.h"

static const gll_kind kind;

/* To be asked again after whatever may have run Lua code. */
static gl_optimizer *check_optimizer(lua_State *L) { return gll_check_handle(L, 1, &kind); }

/* new_optimizer(name, parameters, options) */
static int new_optimizer(lua_State *L) {
  const char *name = luaL_checkstring(L, 1);
  for (int i = 0; gl_optimizer_types[i]; i++) {
    const gl_optimizer_type *type = gl_optimizer_types[i];
    if (strcmp(type->name, name) != 0)
      continue;
    if (!lua_istable(L, 2))
      return gll_error(L, "%s: expected a model or a list of parameters, got %s", name,
                       lua_isnil(L, 2) ? "nothing" : luaL_typename(L, 2));
    gll_arguments a;
    gll_read_arguments(L, name, type->signature, 3, &a);
    void **handle = gll_push_handle(L, &kind);
    int count, at = lua_gettop(L);
    gl_tensor **list = gll_tensor_list(L, name, 2, &count);
    *handle = gl_optimizer_new(type, a.arg, count, list);
    lua_settop(L, at);
    return *handle ? 1 : gll_raise(L);
  }
  return gll_error(L, "there is no optimizer called %s", name);
}

static int step(lua_State *L) {
  gl_optimizer_step(check_optimizer(L));
  return 0;
}

static int zero_grad(lua_State *L) {
  gl_optimizer *o = check_optimizer(L);
  for (int i = 0; i < o->nparam; i++) {
    gl_tensor_release(o->param[i]->grad);
    o->param[i]->grad = NULL;
  }
  return 0;
}

/* The state of the optimizer, for a checkpoint: {["exp_avg.1"] = tensor, ...} and what set_steps takes,
 * {steps = calls of step, parameters = {the steps that each has taken}}. The tensors are the live ones: copying into
 * them sets the state. */
static int state(lua_State *L) {
  const gl_optimizer_type *type = check_optimizer(L)->type;
  lua_newtable(L);
  for (int k = 0; k < GL_MAXSTATE && type->state[k]; k++)
    for (int i = 0; i < check_optimizer(L)->nparam; i++) {
      char key[64];
      snprintf(key, sizeof key, "%s.%d", type->state[k], i + 1);
      gll_push(L, gl_tensor_retain(check_optimizer(L)->state[k][i]));
      lua_setfield(L, -2, key);
    }
  lua_createtable(L, 0, 2);
  lua_pushinteger(L, check_optimizer(L)->steps);
  lua_setfield(L, -2, "steps");
  lua_createtable(L, check_optimizer(L)->nparam, 0);
  for (int i = 0; i < check_optimizer(L)->nparam; i++) {
    lua_pushinteger(L, check_optimizer(L)->taken[i]);
    lua_rawseti(L, -2, i + 1);
  }
  lua_setfield(L, -2, "parameters");
  return 2;
}

/* The number of steps at index i. */
static int64_t check_steps(lua_State *L, int i) {
  int whole;
  lua_Integer steps = lua_tointegerx(L, i, &whole);
  if (!whole || steps < 0 || lua_type(L, i) != LUA_TNUMBER)
    gll_error(L, "%s: set_steps: expected a number of steps taken, got %s", check_optimizer(L)->type->name,
              lua_type(L, i) == LUA_TNUMBER ? luaL_tolstring(L, i, NULL) : gll_what_is(L, i));
  return steps;
}

/* set_steps(what state returned, or one number of steps for all parameters) */
static int set_steps(lua_State *L) {
  int n = check_optimizer(L)->nparam;
  bool each = lua_istable(L, 2);
  lua_settop(L, 2);
  if (each) {
    lua_getfield(L, 2, "steps");
    lua_getfield(L, 2, "parameters");
    if (!lua_istable(L, 4) || lua_rawlen(L, 4) != (size_t)n)
      return gll_error(L, "%s: set_steps: expected the steps of %d parameters", check_optimizer(L)->type->name, n);
  }
  int64_t steps = check_steps(L, each ? 3 : 2), *taken = lua_newuserdatauv(L, sizeof *taken * (size_t)n, 0);
  for (int i = 0; i < n; i++) { /* all are read before any is set */
    if (each)
      lua_rawgeti(L, 4, i + 1);
    taken[i] = each ? check_steps(L, lua_gettop(L)) : steps;
    if (each)
      lua_pop(L, 1);
  }
  gl_optimizer *o = check_optimizer(L);
  o->steps = steps;
  memcpy(o->taken, taken, sizeof *taken * (size_t)n);
  return 0;
}

static const luaL_Reg methods[] = {
    {"step", step}, {"zero_grad", zero_grad}, {"state", state}, {"set_steps", set_steps}, {NULL, NULL},
};

static int index_event(lua_State *L) {
  const char *key = luaL_checkstring(L, 2);
  if (lua_getfield(L, lua_upvalueindex(1), key) != LUA_TNIL)
    return 1;
  const gl_optimizer *o = check_optimizer(L);
  gl_parameter p;
  int k = gll_find_parameter(o->type->signature, key, &p);
  gl_arg value = k >= 0 ? o->hyper[k] : (gl_arg){.given = false};
  if (k >= 0)
    gll_push_value(L, &p, &value);
  else if (strcmp(key, "steps") == 0)
    lua_pushinteger(L, o->steps);
  else
    return gll_error(L, "%s has no field or method '%s' (it has %s)", o->type->name, key,
                     gll_push_signature(L, o->type->signature, false));
  return 1;
}

static int newindex_event(lua_State *L) {
  const char *key = luaL_checkstring(L, 2);
  const gl_optimizer_type *type = check_optimizer(L)->type;
  gl_parameter p;
  int k = gll_find_parameter(type->signature, key, &p);
  if (k < 0)
    return gll_error(L, "%s has no setting '%s' (it has %s)", type->name, key,
                     gll_push_signature(L, type->signature, false));
  gl_arg value = {.given = false}, hyper[GL_MAXARG];
  gll_read_value(L, type->name, &p, 3, &value);
  gl_optimizer *o = check_optimizer(L);
  memcpy(hyper, o->hyper, sizeof hyper);
  hyper[k] = value;
  if (!gl_optimizer_check(type, hyper))
    return gll_raise(L);
  memcpy(o->hyper, hyper, sizeof hyper);
  return 0;
}

static int tostring_event(lua_State *L) {
  gl_optimizer *o = check_optimizer(L), copy = *o; /* text takes memory, and that may run Lua code */
  long long elements = 0;
  for (int i = 0; i < o->nparam; i++)
    elements += gl_tensor_numel(o->param[i]);
  o = &copy;
  const char *cursor = o->type->signature;
  gl_parameter p;
  luaL_Buffer b;
  luaL_buffinit(L, &b);
  luaL_addstring(&b, o->type->name);
  for (int k = 0; gl_signature_next(&cursor, &p); k++) {
    char text[96];
    if (p.type == 'P')
      gl_plain_print(text, sizeof text, "%s = {%g, %g}", p.name, o->hyper[k].pair[0], o->hyper[k].pair[1]);
    else if (p.type == 'B')
      snprintf(text, sizeof text, "%s = %s", p.name, o->hyper[k].b ? "true" : "false");
    else
      gl_plain_print(text, sizeof text, "%s = %g", p.name, o->hyper[k].f);
    luaL_addstring(&b, k == 0 ? " {" : ", ");
    luaL_addstring(&b, text);
  }
  char text[96];
  snprintf(text, sizeof text, "}: %lld steps, %d parameters, %lld numbers", (long long)o->steps, o->nparam, elements);
  luaL_addstring(&b, text);
  luaL_pushresult(&b);
  return 1;
}

static const luaL_Reg events[] = {
    {"__newindex", newindex_event},
    {"__tostring", tostring_event},
    {NULL, NULL},
};

static void release(void *o) { gl_optimizer_free(o); }

static const gll_kind kind = {
    .name = "genlat.Optimizer",
    .noun = "optimizer",
    .release = release,
    .events = events,
    .methods = methods,
    .index = index_event,
};

/* ---- clipping ---- */

static double check_limit(lua_State *L, const char *name) {
  double max = lua_tonumber(L, 2);
  if (lua_type(L, 2) != LUA_TNUMBER)
    gll_error(L, "%s: max: expected a number, got %s", name, lua_isnoneornil(L, 2) ? "nothing" : luaL_typename(L, 2));
  if (!(max > 0)) {
    gl_fail("%s: max is above 0, not %g", name, max);
    gll_raise(L);
  }
  return max;
}

/* clip_grad_norm(parameters, max): scales all gradients so that their common length is at most max; returns the length
 * before */
static int clip_grad_norm(lua_State *L) {
  double max = check_limit(L, "clip_grad_norm");
  int count;
  gl_tensor **list = gll_tensor_list(L, "clip_grad_norm", 1, &count);
  double norm = gl_clip_grad_norm(count, list, max);
  lua_pushnumber(L, norm);
  return 1;
}

static int clip_grad_value(lua_State *L) {
  double max = check_limit(L, "clip_grad_value");
  int count;
  gl_tensor **list = gll_tensor_list(L, "clip_grad_value", 1, &count);
  gl_clip_grad_value(count, list, max);
  return 0;
}

/* optimizer_table(): a list of {name =, signature =, doc =} */
static int optimizer_table(lua_State *L) {
  lua_newtable(L);
  for (int i = 0; gl_optimizer_types[i]; i++) {
    gll_push_description(L, gl_optimizer_types[i]->name, gl_optimizer_types[i]->signature, gl_optimizer_types[i]->doc);
    lua_rawseti(L, -2, i + 1);
  }
  return 1;
}

const luaL_Reg gll_optimizer_functions[] = {
    {"new_optimizer", new_optimizer},
    {"optimizer_table", optimizer_table},
    {"clip_grad_norm", clip_grad_norm},
    {"clip_grad_value", clip_grad_value},
    {NULL, NULL},
};
