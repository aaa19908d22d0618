/* host.c -- what a program does that has Lua inside: several states, one after the other, by turns and in threads, and
 * fork(). For specs; see host.lua. */
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define STATE "host.State"

enum { PATIENCE = 60000 }; /* milliseconds, until when a child has to say something */

/* A new state that finds modules where L does. */
static lua_State *new_state(const char *path, const char *cpath) {
  lua_State *state = luaL_newstate();
  if (!state)
    return NULL;
  luaL_openlibs(state);
  lua_getglobal(state, "package");
  lua_pushstring(state, path);
  lua_setfield(state, -2, "path");
  lua_pushstring(state, cpath);
  lua_setfield(state, -2, "cpath");
  lua_settop(state, 0);
  return state;
}

static const char *package_field(lua_State *L, const char *key) { /* stays on the stack */
  lua_getglobal(L, "package");
  lua_getfield(L, -1, key);
  return lua_tostring(L, -1);
}

/* Runs a program in a state; its first result, or its error, as a string on the state's stack. */
static const char *run(lua_State *state, const char *code) {
  lua_settop(state, 0);
  if (luaL_loadstring(state, code) == LUA_OK)
    lua_pcall(state, 0, LUA_MULTRET, 0);
  return lua_gettop(state) > 0 ? luaL_tolstring(state, 1, NULL) : "";
}

/* ---- states by turns ---- */

static int host_state(lua_State *L) {
  lua_settop(L, 0);
  lua_State **handle = lua_newuserdatauv(L, sizeof *handle, 0);
  *handle = new_state(package_field(L, "path"), package_field(L, "cpath"));
  lua_settop(L, 1);
  luaL_setmetatable(L, STATE);
  return *handle ? 1 : luaL_error(L, "no memory");
}

static int state_run(lua_State *L) {
  lua_State **handle = luaL_checkudata(L, 1, STATE);
  lua_pushstring(L, run(*handle, luaL_checkstring(L, 2)));
  return 1;
}

static int state_close(lua_State *L) {
  lua_State **handle = luaL_checkudata(L, 1, STATE);
  if (*handle)
    lua_close(*handle);
  *handle = NULL;
  return 0;
}

/* ---- threads ---- */

typedef struct task {
  pthread_t thread;
  lua_State *state; /* NULL: one of its own */
  const char *path, *cpath, *code;
  char *result;
} task;

static void *run_task(void *context) {
  task *t = context;
  lua_State *state = t->state ? t->state : new_state(t->path, t->cpath);
  t->result = state ? strdup(run(state, t->code)) : NULL;
  if (state && !t->state)
    lua_close(state);
  return NULL;
}

/* state:elsewhere(code): as state:run, in another thread */
static int state_elsewhere(lua_State *L) {
  task t = {.state = *(lua_State **)luaL_checkudata(L, 1, STATE), .code = luaL_checkstring(L, 2)};
  pthread_create(&t.thread, NULL, run_task, &t);
  pthread_join(t.thread, NULL);
  lua_pushstring(L, t.result);
  free(t.result);
  return 1;
}

/* threads(code, ...) -> the result of each, run side by side in a thread and a state of its own */
static int host_threads(lua_State *L) {
  int n = lua_gettop(L);
  task *tasks = lua_newuserdatauv(L, sizeof *tasks * (size_t)n, 0);
  const char *path = package_field(L, "path"), *cpath = package_field(L, "cpath");
  for (int i = 0; i < n; i++)
    tasks[i] = (task){.path = path, .cpath = cpath, .code = luaL_checkstring(L, i + 1)};
  for (int i = 0; i < n; i++)
    pthread_create(&tasks[i].thread, NULL, run_task, &tasks[i]);
  for (int i = 0; i < n; i++)
    pthread_join(tasks[i].thread, NULL);
  luaL_checkstack(L, n, NULL);
  for (int i = 0; i < n; i++) {
    lua_pushstring(L, tasks[i].result);
    free(tasks[i].result);
  }
  return n;
}

/* ---- fork ---- */

static int in_child(lua_State *L, int output) {
  size_t n;
  lua_pcall(L, 0, 1, 0);
  const char *text = luaL_tolstring(L, -1, &n);
  ssize_t written = write(output, text, n);
  _exit(written == (ssize_t)n ? 0 : 1);
}

/* fork(f) -> what f returns or raises in a child process, as a string; nil where the child says nothing for a minute */
static int host_fork(lua_State *L) {
  int ends[2];
  lua_settop(L, 1);
  if (pipe(ends) != 0)
    return luaL_error(L, "no pipe");
  pid_t child = fork();
  if (child == 0)
    return in_child(L, ends[1]);
  if (child < 0)
    return luaL_error(L, "no process");
  close(ends[1]);
  luaL_Buffer said;
  luaL_buffinit(L, &said);
  struct pollfd ready = {.fd = ends[0], .events = POLLIN};
  ssize_t n = -1;
  while (poll(&ready, 1, PATIENCE) == 1 && (n = read(ends[0], luaL_prepbuffer(&said), LUAL_BUFFERSIZE)) > 0)
    luaL_addsize(&said, (size_t)n);
  close(ends[0]);
  kill(child, SIGKILL);
  waitpid(child, NULL, 0);
  luaL_pushresult(&said);
  return n == 0;
}

static int host_chdir(lua_State *L) {
  lua_pushboolean(L, chdir(luaL_checkstring(L, 1)) == 0);
  return 1;
}

static int host_raise(lua_State *L) {
  lua_pushboolean(L, raise((int)luaL_checkinteger(L, 1)) == 0);
  return 1;
}

static const luaL_Reg functions[] = {{"chdir", host_chdir},     {"raise", host_raise}, {"state", host_state},
                                     {"threads", host_threads}, {"fork", host_fork},   {NULL, NULL}};
static const luaL_Reg methods[] = {
    {"run", state_run}, {"elsewhere", state_elsewhere}, {"close", state_close}, {"__gc", state_close}, {NULL, NULL}};

LUAMOD_API int luaopen_host(lua_State *L) {
  luaL_newmetatable(L, STATE);
  luaL_setfuncs(L, methods, 0);
  lua_pushvalue(L, -1);
  lua_setfield(L, -2, "__index");
  luaL_newlib(L, functions);
  return 1;
}
