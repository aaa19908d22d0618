/* handle.c -- objects of C's as Lua values: userdata that hold a pointer, NULL once the object is gone.
 *
 * Lua code runs wherever C asks Lua for memory (finalizers) or reads a value that has metamethods; it may raise an
 * error, and it may release any object by debug.getmetatable(x).__gc(x). So what C holds while Lua may run hangs on a
 * handle of its own, and what belongs to another handle is asked for again afterwards. */
#include <string.h>

#include "lua/binding.h"

/* __gc and __close of all kinds. */
static int release(lua_State *L) {
  const gll_kind *kind = lua_touserdata(L, lua_upvalueindex(1));
  void **handle = luaL_checkudata(L, 1, kind->name), *object = *handle;
  *handle = NULL;
  if (object)
    kind->release(object);
  return 0;
}

static void set_release(lua_State *L, const gll_kind *kind, const char *event) {
  lua_pushlightuserdata(L, (void *)(uintptr_t)kind);
  lua_pushcclosure(L, release, 1);
  lua_setfield(L, -2, event);
}

/* getmetatable gives users {__name =} instead of the metatable on top of the stack. */
static void hide_metatable(lua_State *L, const gll_kind *kind) {
  lua_createtable(L, 0, 1);
  lua_pushstring(L, kind->name);
  lua_setfield(L, -2, "__name");
  lua_setfield(L, -2, "__metatable");
}

void gll_push_kind(lua_State *L, const gll_kind *kind) {
  if (!luaL_newmetatable(L, kind->name))
    return;
  if (kind->events)
    luaL_setfuncs(L, kind->events, 0);
  set_release(L, kind, "__gc");
  if (kind->closable)
    set_release(L, kind, "__close");
  hide_metatable(L, kind);
  lua_newtable(L);
  if (kind->methods)
    luaL_setfuncs(L, kind->methods, 0);
  lua_pushvalue(L, -1);
  lua_setfield(L, -3, "methods");
  if (kind->index)
    lua_pushcclosure(L, kind->index, 1);
  lua_setfield(L, -2, "__index");
}

void **gll_push_handle(lua_State *L, const gll_kind *kind) {
  void **handle = lua_newuserdatauv(L, sizeof *handle, 0);
  *handle = NULL;
  gll_push_kind(L, kind);
  lua_setmetatable(L, -2);
  return handle;
}

bool gll_is_handle(lua_State *L, int i, const gll_kind *kind) { return luaL_testudata(L, i, kind->name); }

void *gll_test_handle(lua_State *L, int i, const gll_kind *kind) {
  void **handle = luaL_testudata(L, i, kind->name);
  return handle ? *handle : NULL;
}

/* The name of the C function that runs, as its caller knows it. */
static const char *function_name(lua_State *L) {
  lua_Debug at;
  return lua_getstack(L, 0, &at) && lua_getinfo(L, "n", &at) && at.name ? at.name : "genlat";
}

void *gll_check_handle(lua_State *L, int i, const gll_kind *kind) {
  void **handle = luaL_testudata(L, i, kind->name);
  if (!handle)
    gll_error(L, "%s: expected a %s, got %s", function_name(L), kind->noun, gll_what_is(L, i));
  if (!*handle)
    gll_error(L, "this %s was %s already", kind->noun, kind->closable ? "closed" : "collected");
  return *handle;
}

/* kind_of(value) -> the name of its kind, "genlat.Tensor", ..., or nil for what is no object of genlat's */
int gll_kind_of(lua_State *L) {
  luaL_checkany(L, 1);
  lua_settop(L, 1);
  if (lua_type(L, 1) != LUA_TUSERDATA || luaL_getmetafield(L, 1, "__name") != LUA_TSTRING ||
      strncmp(lua_tostring(L, -1), "genlat.", strlen("genlat.")) != 0 || !luaL_testudata(L, 1, lua_tostring(L, -1)))
    lua_pushnil(L);
  return 1;
}
