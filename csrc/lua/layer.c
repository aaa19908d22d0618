/* layer.c -- layers as Lua values. lua/genlat/nn makes modules of them. */
#include <string.h>

#include "lua/binding.h"

static void release(void *l) { gl_layer_free(l); }

static const gll_kind kind = {.name = "genlat.Layer", .noun = "layer", .release = release};

/* To be asked again after whatever may have run Lua code. */
static gl_layer *check_layer(lua_State *L) { return gll_check_handle(L, 1, &kind); }

/* new_layer(name, ...): the arguments as the layer's signature says */
static int new_layer(lua_State *L) {
  const char *name = luaL_checkstring(L, 1);
  for (int i = 0; gl_layer_types[i]; i++) {
    if (strcmp(gl_layer_types[i]->name, name) != 0)
      continue;
    gll_arguments a;
    gll_read_arguments(L, name, gl_layer_types[i]->signature, 2, &a);
    void **handle = gll_push_handle(L, &kind);
    gll_use_context(L);
    *handle = gl_layer_new(gl_layer_types[i], a.arg);
    return *handle ? 1 : gll_raise(L);
  }
  return gll_error(L, "there is no layer called %s", name);
}

static int forward(lua_State *L) {
  gl_layer *l = check_layer(L);
  gl_tensor *x = gll_test(L, 2);
  if (!x)
    return gll_error(L, "%s: expected a tensor, got %s", l->type->name, gll_what_is(L, 2));
  gll_use_context(L);
  return gll_push(L, gl_layer_forward(l, x));
}

/* Appends {name, value}, the value on top of the stack, to the list below it. */
static void append(lua_State *L, const char *name) {
  lua_createtable(L, 2, 0);
  lua_pushstring(L, name);
  lua_rawseti(L, -2, 1);
  lua_insert(L, -2);
  lua_rawseti(L, -2, 2);
  lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
}

/* The layer's parameters, buffers and arguments, in order: {{name, tensor}, ...} twice, {{name, value}, ...} */
static int describe(lua_State *L) {
  const gl_layer_type *type = check_layer(L)->type;
  lua_newtable(L);
  for (int i = 0; i < GL_MAXPARAM && type->param[i]; i++)
    if (check_layer(L)->param[i]) {
      gll_push(L, gl_tensor_retain(check_layer(L)->param[i]));
      append(L, type->param[i]);
    }
  lua_newtable(L);
  for (int i = 0; i < GL_MAXBUFFER && type->buffer[i]; i++)
    if (check_layer(L)->buffer[i]) {
      gll_push(L, gl_tensor_retain(check_layer(L)->buffer[i]));
      append(L, type->buffer[i]);
    }
  lua_newtable(L);
  const char *cursor = type->signature;
  gl_parameter p;
  for (int k = 0; gl_signature_next(&cursor, &p); k++) {
    gl_arg value = check_layer(L)->arg[k];
    gll_push_value(L, &p, &value);
    append(L, p.name);
  }
  return 3;
}

static int train(lua_State *L) {
  check_layer(L)->training = lua_toboolean(L, 2);
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

const luaL_Reg gll_layer_functions[] = {
    {"new_layer", new_layer}, {"layer_forward", forward},   {"layer_describe", describe},
    {"layer_train", train},   {"layer_table", layer_table}, {NULL, NULL},
};
