/* leaks.c -- leaks.check() for `make check-asan`. It is loaded together with the address sanitizer before the program
 * starts, and sees to it that programs started from there run without both: curl, for one, hangs with them. */
#include <lauxlib.h>
#include <lua.h>
#include <sanitizer/lsan_interface.h>
#include <stdlib.h>

__attribute__((constructor)) static void drop_preload(void) { unsetenv("LD_PRELOAD"); }

/* Returns whether something is allocated and out of reach; the sanitizer has then said what. */
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
