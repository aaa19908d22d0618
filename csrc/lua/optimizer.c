/* optimizer.c -- optimizers and gradient clipping as Lua values: opt.lr = 1e-4, opt:step(), opt:zero_grad(). */
#include <stdio.h>
#include <string.h>

#include "lua/binding.h"

#define GLL_OPTIMIZER "genlat.Optimizer"

static gl_optimizer *check_optimizer(lua_State *L) { return *(gl_optimizer **)luaL_checkudata(L, 1, GLL_OPTIMIZER); }

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
    gl_optimizer **handle = lua_newuserdatauv(L, sizeof *handle, 0);
    *handle = NULL;
    luaL_setmetatable(L, GLL_OPTIMIZER);
    int count;
    gl_tensor **list = gll_tensor_list(L, name, 2, &count);
    *handle = gl_optimizer_new(type, a.arg, count, list);
    gl_free(list);
    return *handle ? 1 : gll_raise(L);
  }
  return gll_error(L, "there is no optimizer called %s", name);
}

static int collect(lua_State *L) {
  gl_optimizer **handle = luaL_checkudata(L, 1, GLL_OPTIMIZER);
  gl_optimizer_free(*handle);
  *handle = NULL;
  return 0;
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
  gl_optimizer *o = check_optimizer(L);
  lua_newtable(L);
  for (int k = 0; k < GL_MAXSTATE && o->type->state[k]; k++)
    for (int i = 0; i < o->nparam; i++) {
      char key[64];
      snprintf(key, sizeof key, "%s.%d", o->type->state[k], i + 1);
      gll_push(L, gl_tensor_retain(o->state[k][i]));
      lua_setfield(L, -2, key);
    }
  lua_createtable(L, 0, 2);
  lua_pushinteger(L, o->steps);
  lua_setfield(L, -2, "steps");
  lua_createtable(L, o->nparam, 0);
  for (int i = 0; i < o->nparam; i++) {
    lua_pushinteger(L, o->taken[i]);
    lua_rawseti(L, -2, i + 1);
  }
  lua_setfield(L, -2, "parameters");
  return 2;
}

/* The number of steps on top of the stack, which it pops. */
static int64_t pop_steps(lua_State *L, const gl_optimizer *o) {
  int whole;
  lua_Integer steps = lua_tointegerx(L, -1, &whole);
  if (!whole || steps < 0 || lua_type(L, -1) != LUA_TNUMBER)
    gll_error(L, "%s: set_steps: expected a number of steps taken, got %s", o->type->name,
              lua_type(L, -1) == LUA_TNUMBER ? luaL_tolstring(L, -1, NULL) : luaL_typename(L, -1));
  lua_pop(L, 1);
  return steps;
}

/* set_steps(what state returned, or one number of steps for all parameters) */
static int set_steps(lua_State *L) {
  gl_optimizer *o = check_optimizer(L);
  lua_settop(L, 2);
  if (!lua_istable(L, 2)) {
    int64_t steps = pop_steps(L, o);
    o->steps = steps;
    for (int i = 0; i < o->nparam; i++)
      o->taken[i] = steps;
    return 0;
  }
  lua_getfield(L, 2, "parameters");
  if (!lua_istable(L, 3) || lua_rawlen(L, 3) != (size_t)o->nparam)
    return gll_error(L, "%s: set_steps: expected the steps of %d parameters", o->type->name, o->nparam);
  for (int i = 0; i < o->nparam; i++) { /* all are read before any is set */
    lua_rawgeti(L, 3, i + 1);
    pop_steps(L, o);
  }
  lua_getfield(L, 2, "steps");
  o->steps = pop_steps(L, o);
  for (int i = 0; i < o->nparam; i++) {
    lua_rawgeti(L, 3, i + 1);
    o->taken[i] = pop_steps(L, o);
  }
  return 0;
}

static const luaL_Reg methods[] = {
    {"step", step}, {"zero_grad", zero_grad}, {"state", state}, {"set_steps", set_steps}, {NULL, NULL},
};

static int index_event(lua_State *L) {
  gl_optimizer *o = check_optimizer(L);
  const char *key = luaL_checkstring(L, 2);
  if (lua_getfield(L, lua_upvalueindex(1), key) != LUA_TNIL)
    return 1;
  gl_parameter p;
  int k = gll_find_parameter(o->type->signature, key, &p);
  if (k >= 0)
    gll_push_value(L, &p, &o->hyper[k]);
  else if (strcmp(key, "steps") == 0)
    lua_pushinteger(L, o->steps);
  else
    return gll_error(L, "%s has no field or method '%s' (it has %s)", o->type->name, key,
                     gll_push_signature(L, o->type->signature, false));
  return 1;
}

static int newindex_event(lua_State *L) {
  gl_optimizer *o = check_optimizer(L);
  const char *key = luaL_checkstring(L, 2);
  gl_parameter p;
  int k = gll_find_parameter(o->type->signature, key, &p);
  if (k < 0)
    return gll_error(L, "%s has no setting '%s' (it has %s)", o->type->name, key,
                     gll_push_signature(L, o->type->signature, false));
  gl_arg hyper[GL_MAXARG];
  memcpy(hyper, o->hyper, sizeof hyper);
  gll_read_value(L, o->type->name, &p, 3, &hyper[k]);
  if (!gl_optimizer_check(o->type, hyper))
    return gll_raise(L);
  memcpy(o->hyper, hyper, sizeof hyper);
  return 0;
}

static int tostring_event(lua_State *L) {
  gl_optimizer *o = check_optimizer(L);
  const char *cursor = o->type->signature;
  gl_parameter p;
  luaL_Buffer b;
  luaL_buffinit(L, &b);
  luaL_addstring(&b, o->type->name);
  for (int k = 0; gl_signature_next(&cursor, &p); k++) {
    char text[96];
    if (p.type == 'P')
      snprintf(text, sizeof text, "%s = {%g, %g}", p.name, o->hyper[k].pair[0], o->hyper[k].pair[1]);
    else if (p.type == 'B')
      snprintf(text, sizeof text, "%s = %s", p.name, o->hyper[k].b ? "true" : "false");
    else
      snprintf(text, sizeof text, "%s = %g", p.name, o->hyper[k].f);
    luaL_addstring(&b, k == 0 ? " {" : ", ");
    luaL_addstring(&b, text);
  }
  char text[96];
  int64_t elements = 0;
  for (int i = 0; i < o->nparam; i++)
    elements += gl_tensor_numel(o->param[i]);
  snprintf(text, sizeof text, "}: %lld steps, %d parameters, %lld numbers", (long long)o->steps, o->nparam,
           (long long)elements);
  luaL_addstring(&b, text);
  luaL_pushresult(&b);
  return 1;
}

static const luaL_Reg events[] = {
    {"__gc", collect},
    {"__newindex", newindex_event},
    {"__tostring", tostring_event},
    {NULL, NULL},
};

/* ---- clipping ---- */

static double check_limit(lua_State *L, const char *name) {
  double max = lua_tonumber(L, 2);
  if (lua_type(L, 2) != LUA_TNUMBER)
    gll_error(L, "%s: max: expected a number, got %s", name, lua_isnoneornil(L, 2) ? "nothing" : luaL_typename(L, 2));
  if (!(max > 0))
    gll_error(L, "%s: max is above 0, not %f", name, max);
  return max;
}

/* clip_grad_norm(parameters, max): scales all gradients so that their common length is at most max; returns the length
 * before */
static int clip_grad_norm(lua_State *L) {
  double max = check_limit(L, "clip_grad_norm");
  int count;
  gl_tensor **list = gll_tensor_list(L, "clip_grad_norm", 1, &count);
  double norm = gl_clip_grad_norm(count, list, max);
  gl_free(list);
  lua_pushnumber(L, norm);
  return 1;
}

static int clip_grad_value(lua_State *L) {
  double max = check_limit(L, "clip_grad_value");
  int count;
  gl_tensor **list = gll_tensor_list(L, "clip_grad_value", 1, &count);
  gl_clip_grad_value(count, list, max);
  gl_free(list);
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

void gll_open_optimizer(lua_State *L) {
  luaL_newmetatable(L, GLL_OPTIMIZER);
  luaL_setfuncs(L, events, 0);
  luaL_newlib(L, methods);
  lua_pushcclosure(L, index_event, 1);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
}
