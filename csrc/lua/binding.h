/* binding.h -- what the files of the binding share. This folder is the only place that includes lua.h. */
#ifndef GENLAT_BINDING_H
#define GENLAT_BINDING_H

#include <lauxlib.h>
#include <lua.h>

#include "genlat.h"
#include "ops/signature.h"

/* ---- handles: objects of C's as Lua values ---- */

typedef struct gll_kind {
  const char *name, *noun; /* of the metatable, "genlat.Tensor"; for messages, "tensor" */
  bool closable;           /* may be a <close> variable */
  void (*release)(void *object);
  const luaL_Reg *events, *methods; /* beside __gc and __close; or NULL */
  lua_CFunction index;              /* __index, its upvalue the table of methods; NULL: that table */
} gll_kind;

extern const gll_kind gll_tensor;

/* Pushes the metatable of a kind, which has its methods as the field "methods". */
void gll_push_kind(lua_State *L, const gll_kind *kind);
/* Pushes a handle that holds nothing. Pushed before its object is made, so that nothing is lost where Lua has no memory
 * for it. */
void **gll_push_handle(lua_State *L, const gll_kind *kind);
/* The object of the handle at index i, or a Lua error: it is something else, or its object is gone. */
void *gll_check_handle(lua_State *L, int i, const gll_kind *kind);
void *gll_test_handle(lua_State *L, int i, const gll_kind *kind); /* NULL instead of an error */
bool gll_is_handle(lua_State *L, int i, const gll_kind *kind);    /* with an object or not */
int gll_kind_of(lua_State *L);

/* ---- tensors ---- */

/* The tensor at stack index i, or a Lua error that names the argument. The handle keeps the reference. */
gl_tensor *gll_check(lua_State *L, int i);
gl_tensor *gll_test(lua_State *L, int i); /* NULL where it is something else, or was collected */

/* Pushes a tensor and takes over the caller's reference, also on failure; NULL raises gl_error(). Returns 1. */
int gll_push(lua_State *L, gl_tensor *t);
/* Returns 1, or raises where the values that were read from t are no longer what they were: see gl_tensor_intact. */
int gll_return_intact(lua_State *L, const gl_tensor *t);
/* The tensor at index i, pushed once more, so that it lives whatever Lua code does to the handle at i. */
gl_tensor *gll_hold(lua_State *L, int i);
void gll_push_number(lua_State *L, const gl_tensor *t, int64_t i); /* the i-th element, as gl_tensor_get counts */
int gll_totable(lua_State *L);                                     /* the method */
void gll_push_list(lua_State *L, int64_t n);                   /* an empty table, with room for a list of n elements */
void gll_push_sizes(lua_State *L, int n, const int64_t *size); /* as a list */

/* Pushes a new tensor made from the number or the nested table of numbers at index i. */
gl_tensor *gll_push_converted(lua_State *L, int i, gl_dtype dtype);

/* ---- the Lua state ---- */

/* Makes the context of L's Lua state the thread's: call it last before what records operations or draws random numbers,
 * as Lua code that runs in between may be another state's. */
void gll_use_context(lua_State *L);

/* What the state's collector has been told of: see report in tensor.c. */
typedef struct gll_told {
  size_t handed, alive;
} gll_told;
gll_told *gll_told_collector(lua_State *L);

/* ---- errors ---- */

/* Raises a Lua error. Its line is the user's: the nearest one outside genlat's own Lua files. */
int gll_error(lua_State *L, const char *format, ...);
/* The same with gl_error() as its text. For a user's mistake. */
int gll_raise(lua_State *L);

/* Pushes nil and gl_error(); returns 2. For what the world does to a program: a missing file, a full disk. */
int gll_nil(lua_State *L);
/* Pushes true, or nil and gl_error(). */
int gll_report(lua_State *L, bool ok);

/* What the value at index i is, for messages: "a tensor", "a table", "nothing", "2.5". */
const char *gll_what_is(lua_State *L, int i);

/* ---- numbers and lengths: the only places that read them ---- */

/* The whole number at index i, from `least` to `most`; raises "name: what: ..." for all else. */
lua_Integer gll_check_whole(lua_State *L, int i, const char *name, const char *what, lua_Integer least,
                            lua_Integer most);
lua_Integer gll_option_whole(lua_State *L, int i, const char *name, const char *what, lua_Integer otherwise,
                             lua_Integer least, lua_Integer most); /* nothing there: otherwise */
/* The length of the table at index i, metamethods heeded, from 0 to `most`; raises for all else. */
int gll_check_length(lua_State *L, int i, const char *name, const char *what, int most);

/* ---- paths ---- */

const char *gll_check_path(lua_State *L, int i); /* raises where it is no path */

/* ---- arguments by signature ---- */

/* Reads the arguments from stack index `first` on, as the signature says: in order, or by name in a table that comes
 * after the tensors. Tensors may be given as numbers and tables. Raises on a mistake, beginning with `name`. On return
 * the tensors are at stack indices tensor[0], tensor[1], ... (0 for one left out), or, for a T*, in the list there. */
enum { GLL_MAXTENSOR = 5 };
typedef struct gll_arguments {
  int ntensor;
  int tensor[GLL_MAXTENSOR];
  int list; /* stack index of the list of a T*, else 0 */
  gl_arg arg[GL_MAXARG];
} gll_arguments;
void gll_read_arguments(lua_State *L, const char *name, const char *signature, int first, gll_arguments *a);

/* Sets one argument that is not a tensor from the value at index i; raises "name: what: expected ..." */
void gll_read_value(lua_State *L, const char *name, const gl_parameter *p, int i, gl_arg *arg);
/* Pushes an argument's value. */
void gll_push_value(lua_State *L, const gl_parameter *p, const gl_arg *arg);
/* The parameter called `key` of a signature and its place among those that are not tensors, or -1. */
int gll_find_parameter(const char *signature, const char *key, gl_parameter *p);

/* Pushes {name =, signature =, doc =}: an op, layer or optimizer as data. */
void gll_push_description(lua_State *L, const char *name, const char *signature, const char *doc);

/* The tensors of the list at index i; raises where an element is something else. Pushes what holds them: the tensors
 * themselves only as long as no Lua code runs. */
gl_tensor **gll_tensor_list(lua_State *L, const char *name, int i, int *count);

/* Pushes a signature as users read it: "x, [axis], keepdim = false"; without its tensors where they go without saying.
 */
const char *gll_push_signature(lua_State *L, const char *signature, bool tensors);

/* A list of sizes: one table, or whole numbers from index `first` to `last`. */
int gll_read_sizes(lua_State *L, const char *name, int first, int last, int64_t *sizes);

/* ---- parts of genlat.core ---- */

extern const luaL_Reg gll_state_functions[];
extern const luaL_Reg gll_io_functions[];
extern const luaL_Reg gll_files_functions[];
extern const luaL_Reg gll_lock_functions[];
extern const luaL_Reg gll_synth_functions[];
extern const luaL_Reg gll_system_functions[];
extern const luaL_Reg gll_signal_functions[];
void gll_leave_signals(lua_State *L); /* L's state is being closed: signals are no longer its own */
extern const luaL_Reg gll_output_functions[];
extern const luaL_Reg gll_create_functions[];
extern const luaL_Reg gll_layer_functions[];
extern const luaL_Reg gll_optimizer_functions[];
extern const luaL_Reg gll_latent_functions[];
void gll_open_state(lua_State *L); /* first of all */
extern const luaL_Reg gll_linalg_functions[];
void gll_open_tensor(lua_State *L, int module);
void gll_open_ops(lua_State *L, int module);          /* after tensor */
void gll_push_text(lua_State *L, const gl_tensor *t); /* a held tensor as people expect to see it */

#endif
