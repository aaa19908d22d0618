/* layer.c -- layers as Lua values. lua/genlat/nn makes modules of them. */
#include <string.h>

#include "lua/binding.h"

#define GLL_LAYER "genlat.Layer"

static gl_layer *check_layer(lua_State *L, int i) {
  gl_layer **handle = luaL_checkudata(L, i, GLL_LAYER);
  if (!*handle) /* seen by another object's finalizer */
    gll_error(L, "this layer was collected already");
  return *handle;
}

/* new_layer(name, ...): the arguments as the layer's signature says */
static int new_layer(lua_State *L) {
  const char *name = luaL_checkstring(L, 1);
  for (int i = 0; gl_layer_types[i]; i++) {
    if (strcmp(gl_layer_types[i]->name, name) != 0)
      continue;
    gll_arguments a;
    gll_read_arguments(L, name, gl_layer_types[i]->signature, 2, &a);
    gl_layer **handle = lua_newuserdatauv(L, sizeof *handle, 0);
    *handle = NULL;
    luaL_setmetatable(L, GLL_LAYER);
    gll_use_context(L);
    *handle = gl_layer_new(gl_layer_types[i], a.arg);
    return *handle ? 1 : gll_raise(L);
  }
  return gll_error(L, "there is no layer called %s", name);
}

static int collect(lua_State *L) {
  gl_layer **handle = luaL_checkudata(L, 1, GLL_LAYER);
  gl_layer_free(*handle);
  *handle = NULL;
  return 0;
}

static int forward(lua_State *L) {
  gl_layer *l = check_layer(L, 1);
  gl_tensor *x = gll_test(L, 2);
  if (!x)
    return gll_error(L, "%s: expected a tensor, got %s", l->type->name,
                     lua_isnoneornil(L, 2) ? "nothing" : luaL_typename(L, 2));
  gll_use_context(L);
  return gll_push(L, gl_layer_forward(l, x));
}

/* Pushes {{name, tensor}, ...}: those of n tensors that the layer has. */
static void push_tensors(lua_State *L, int n, const char *const *name, gl_tensor *const *tensor) {
  lua_newtable(L);
  for (int i = 0; i < n && name[i]; i++) {
    if (!tensor[i])
      continue;
    lua_createtable(L, 2, 0);
    lua_pushstring(L, name[i]);
    lua_rawseti(L, -2, 1);
    gll_push(L, gl_tensor_retain(tensor[i]));
    lua_rawseti(L, -2, 2);
    lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
  }
}

/* The layer's parameters, buffers and arguments, in order: {{name, tensor}, ...} twice, {{name, value}, ...} */
static int describe(lua_State *L) {
  gl_layer *l = check_layer(L, 1);
  push_tensors(L, GL_MAXPARAM, l->type->param, l->param);
  push_tensors(L, GL_MAXBUFFER, l->type->buffer, l->buffer);
  lua_newtable(L);
  const char *cursor = l->type->signature;
  gl_parameter p;
  for (int k = 0; gl_signature_next(&cursor, &p); k++) {
    lua_createtable(L, 2, 0);
    lua_pushstring(L, p.name);
    lua_rawseti(L, -2, 1);
    gll_push_value(L, &p, &l->arg[k]);
    lua_rawseti(L, -2, 2);
    lua_rawseti(L, -2, k + 1);
  }
  return 3;
}

static int train(lua_State *L) {
  check_layer(L, 1)->training = lua_toboolean(L, 2);
  return 0;
}

/* layer_table(): a list of {name =, signature =, doc =} */
static int layer_table(lua_State *L) {
  lua_newtable(L);
  for (int i = 0; gl_layer_types[i]; i++) {
    gll_push_description(L, gl_layer_types[i]->name, gl_layer_types[i]->signature, gl_layer_types[i]->doc);
    lua_rawseti(L, -2, i + 1);
  }
  return 1;
}

static const luaL_Reg events[] = {{"__gc", collect}, {NULL, NULL}};

const luaL_Reg gll_layer_functions[] = {
    {"new_layer", new_layer}, {"layer_forward", forward},   {"layer_describe", describe},
    {"layer_train", train},   {"layer_table", layer_table}, {NULL, NULL},
};

void gll_open_layer(lua_State *L) {
  luaL_newmetatable(L, GLL_LAYER);
  luaL_setfuncs(L, events, 0);
  lua_pop(L, 1);
}
