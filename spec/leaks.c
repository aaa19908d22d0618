/* leaks.c -- what `make check-asan` needs of C: leaks.check(), and programs started from here that run as usual. */
#include <lauxlib.h>
#include <lua.h>
#include <sanitizer/lsan_interface.h>
#include <stdlib.h>

/* Returns whether something is allocated and out of reach; the sanitizer has then said what. */
static int check(lua_State *L) {
  lua_pushboolean(L, __lsan_do_recoverable_leak_check() != 0);
  return 1;
}

LUAMOD_API int luaopen_leaks(lua_State *L) {
  unsetenv("LD_PRELOAD"); /* curl, for one, hangs with the sanitizer loaded into it */
  lua_newtable(L);
  lua_pushcfunction(L, check);
  lua_setfield(L, -2, "check");
  return 1;
}
