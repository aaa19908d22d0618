/* lock.c -- the binding of folders and files that one process takes for itself. genlat/runs/lock.lua uses it. */
#include "io/io.h"
#include "lua/binding.h"

#define LOCK "genlat.Lock"

/* claim_folder(path) -> true; false where there is something of that name already | nil, message */
static int claim_folder(lua_State *L) {
  bool made;
  if (!gl_folder_claim(gll_check_path(L, 1), &made))
    return gll_nil(L);
  lua_pushboolean(L, made);
  return 1;
}

/* lock:release(); also when it is collected or its <close> variable ends */
static int lock_release(lua_State *L) {
  gl_file_unlock(luaL_checkudata(L, 1, LOCK));
  return 0;
}

static const luaL_Reg lock_methods[] = {
    {"release", lock_release}, {"__gc", lock_release}, {"__close", lock_release}, {NULL, NULL}};

/* lock_file(path) -> lock; false and the process' number (0: unknown) where another process holds it | nil, message,
 * and true where the file system has no locks */
static int lock_file(lua_State *L) {
  const char *path = gll_check_path(L, 1);
  gl_lock *lock = lua_newuserdatauv(L, sizeof *lock, 0);
  lock->fd = -1;
  if (luaL_newmetatable(L, LOCK)) {
    luaL_setfuncs(L, lock_methods, 0);
    lua_pushvalue(L, -1);
    lua_setfield(L, -2, "__index");
    lua_pushboolean(L, false);
    lua_setfield(L, -2, "__metatable");
  }
  lua_setmetatable(L, -2);
  *lock = gl_file_lock(path);
  if (lock->state == GL_LOCK_TAKEN)
    return 1;
  if (lock->state == GL_LOCK_BUSY) {
    lua_pushboolean(L, false);
    lua_pushinteger(L, lock->holder);
    return 2;
  }
  gll_nil(L);
  lua_pushboolean(L, lock->state == GL_LOCK_UNKNOWN);
  return 3;
}

const luaL_Reg gll_lock_functions[] = {{"claim_folder", claim_folder}, {"lock_file", lock_file}, {NULL, NULL}};
