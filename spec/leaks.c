/* leaks.c -- leaks.check(): what is allocated and out of reach; for `make check-asan`. */
#include <lauxlib.h>
#include <lua.h>
#include <sanitizer/lsan_interface.h>

/* Returns whether anything leaked; the sanitizer has then said what. */
static int check(lua_State *L) {
  lua_pushboolean(L, __lsan_do_recoverable_leak_check() != 0);
  return 1;
}

LUAMOD_API int luaopen_leaks(lua_State *L) {
  lua_newtable(L);
  lua_pushcfunction(L, check);
  lua_setfield(L, -2, "check");
  return 1;
}
