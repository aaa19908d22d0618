/* state.c -- what belongs to one Lua state: whether operations are recorded for backward, its random numbers, and the
 * scopes that set either aside for a while.
 *
 * A scope belongs to the coroutine that opened it: it holds there, and in the coroutines that this one resumes as long
 * as it waits for them, as if their code stood in its own; a coroutine's own scope comes first. While its coroutine is
 * suspended a scope holds nowhere, so that a coroutine which is left inside one changes nothing for anybody else. */
#include "lua/binding.h"

#define GLL_SCOPE "genlat.Scope"

typedef struct scope { /* the userdata that Lua closes; its user value is the coroutine, which thus outlives it */
  struct state *home;  /* NULL: closed */
  struct scope *older, *newer;
  lua_State *coroutine;
  bool has_recording, recording, has_rng;
  gl_rng rng;
} scope;

typedef struct state {
  gl_context context; /* what holds for the code that called last */
  bool recording;     /* where no scope says otherwise */
  gl_rng rng;
  scope *newest;
  bool closed;
  gll_told told;
} state;

static const char state_key, lasting_key; /* their addresses are keys of the registry */

static state *state_of(lua_State *L) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &state_key);
  state *s = lua_touserdata(L, -1);
  lua_pop(L, 1);
  return s;
}

gll_told *gll_told_collector(lua_State *L) { return &state_of(L)->told; }

/* Has this coroutine resumed another one, for which it waits? */
static bool waits(lua_State *coroutine) {
  lua_Debug frame;
  return lua_status(coroutine) == LUA_OK && lua_getstack(coroutine, 0, &frame);
}

/* The scope that says whether code in L records (or, with rng, where its random numbers come from); NULL if none does.
 * Of those of coroutines that wait, the one that was opened last. */
static scope *scope_for(const state *s, lua_State *L, bool rng) {
  scope *inherited = NULL;
  for (scope *c = s->newest; c; c = c->older) {
    if (!(rng ? c->has_rng : c->has_recording))
      continue;
    if (c->coroutine == L)
      return c;
    if (!inherited && waits(c->coroutine))
      inherited = c;
  }
  return inherited;
}

static gl_rng *rng_for(state *s, lua_State *L) {
  scope *c = scope_for(s, L, true);
  return c ? &c->rng : &s->rng;
}

static bool recording_for(const state *s, lua_State *L) {
  scope *c = scope_for(s, L, false);
  return c ? c->recording : s->recording;
}

void gll_use_context(lua_State *L) {
  state *s = state_of(L);
  s->context = (gl_context){.rng = rng_for(s, L), .recording = recording_for(s, L)};
  gl_context_use(s->closed ? NULL : &s->context);
}

/* The state is being closed; the finalizers of objects that are older than genlat may still call it. */
static int state_gc(lua_State *L) {
  state *s = lua_touserdata(L, 1);
  s->closed = true;
  gll_leave_signals(L);
  if (gl_context_used() == &s->context)
    gl_context_use(NULL);
  return 0;
}

/* ---- scopes ---- */

static scope *push_scope(lua_State *L) {
  scope *c = lua_newuserdatauv(L, sizeof *c, 1);
  *c = (scope){.home = NULL, .coroutine = L};
  luaL_setmetatable(L, GLL_SCOPE);
  lua_pushthread(L);
  lua_setiuservalue(L, -2, 1);
  return c;
}

static void open_scope(lua_State *L, scope *c) {
  state *s = state_of(L);
  c->home = s;
  c->older = s->newest;
  if (s->newest)
    s->newest->newer = c;
  s->newest = c;
}

static int scope_close(lua_State *L) {
  scope *c = luaL_checkudata(L, 1, GLL_SCOPE);
  if (!c->home)
    return 0;
  if (c->newer)
    c->newer->older = c->older;
  else
    c->home->newest = c->older;
  if (c->older)
    c->older->newer = c->newer;
  c->home = NULL;
  return 0;
}

static const lua_Integer largest_seed = (lua_Integer)1 << 53; /* what every file format keeps exactly; see check.lua */

static uint64_t check_seed(lua_State *L, int i) {
  return (uint64_t)gll_check_whole(L, i, "seed", "the seed", 0, largest_seed);
}

/* scope(recording, seed): a value to be closed, until when operations are recorded or not (nil: as before) and random
 * numbers begin at the seed (nil: go on as before) */
static int new_scope(lua_State *L) {
  lua_settop(L, 2);
  gl_rng rng = {.seed = lua_isnil(L, 2) ? 0 : check_seed(L, 2)};
  scope *c = push_scope(L);
  c->has_recording = !lua_isnil(L, 1);
  c->recording = lua_toboolean(L, 1);
  c->has_rng = !lua_isnil(L, 2);
  c->rng = rng;
  open_scope(L, c);
  return 1;
}

/* ---- the switch and the generator themselves ---- */

/* A scope of the coroutine L that lasts as long as L does. */
static scope *lasting_scope(lua_State *L) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &lasting_key);
  scope *c = push_scope(L);
  lua_pushthread(L);
  lua_insert(L, -2);
  lua_rawset(L, -3);
  lua_pop(L, 1);
  open_scope(L, c);
  return c;
}

/* set_recording(on): for the rest of the scope that says so now, or of the coroutine; returns what held before */
static int set_recording(lua_State *L) {
  state *s = state_of(L);
  bool on = lua_toboolean(L, 1), before = recording_for(s, L);
  scope *c = scope_for(s, L, false);
  int is_main = lua_pushthread(L);
  if ((!c || c->coroutine != L) && !is_main) {
    c = lasting_scope(L);
    c->has_recording = true;
  }
  *(c ? &c->recording : &s->recording) = on;
  lua_pushboolean(L, before);
  return 1;
}

static int seed(lua_State *L) {
  uint64_t value = check_seed(L, 1);
  *rng_for(state_of(L), L) = (gl_rng){.seed = value};
  return 0;
}

/* The state of the generator: seed, counter; with two arguments, sets it. */
static int rng_state(lua_State *L) {
  gl_rng *rng = rng_for(state_of(L), L);
  if (lua_gettop(L) >= 2)
    *rng = (gl_rng){(uint64_t)gll_check_whole(L, 1, "rng_state", "the seed", LUA_MININTEGER, LUA_MAXINTEGER),
                    (uint64_t)gll_check_whole(L, 2, "rng_state", "the counter", LUA_MININTEGER, LUA_MAXINTEGER)};
  lua_pushinteger(L, (lua_Integer)rng->seed);
  lua_pushinteger(L, (lua_Integer)rng->counter);
  return 2;
}

const luaL_Reg gll_state_functions[] = {
    {"scope", new_scope}, {"set_recording", set_recording}, {"seed", seed}, {"rng_state", rng_state}, {NULL, NULL},
};

static const luaL_Reg scope_events[] = {{"__gc", scope_close}, {"__close", scope_close}, {NULL, NULL}};

static void open_registry(lua_State *L) {
  state *s = lua_newuserdatauv(L, sizeof *s, 0);
  *s = (state){.recording = true};
  lua_createtable(L, 0, 1);
  lua_pushcfunction(L, state_gc);
  lua_setfield(L, -2, "__gc");
  lua_setmetatable(L, -2);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &state_key);
  lua_newtable(L); /* coroutine -> its lasting scope */
  lua_createtable(L, 0, 1);
  lua_pushliteral(L, "k");
  lua_setfield(L, -2, "__mode");
  lua_setmetatable(L, -2);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &lasting_key);
}

void gll_open_state(lua_State *L) {
  if (!state_of(L)) /* it stays where the library is opened a second time */
    open_registry(L);
  luaL_newmetatable(L, GLL_SCOPE);
  luaL_setfuncs(L, scope_events, 0);
  lua_pushboolean(L, false); /* __gc and __close are not for users */
  lua_setfield(L, -2, "__metatable");
  lua_pop(L, 1);
}
