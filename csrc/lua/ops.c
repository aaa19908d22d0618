/* ops.c -- walks the table of ops: each becomes a function of genlat and a method of tensors. */
#include "lua/binding.h"

static int apply(lua_State *L) {
  const gl_op *op = lua_touserdata(L, lua_upvalueindex(1));
  gll_arguments a;
  gll_read_arguments(L, op->name, op->signature, 1, &a);
  int count = a.ntensor;
  gl_tensor *own[GLL_MAXTENSOR], **list = a.list ? gll_tensor_list(L, op->name, a.list, &count) : own;
  for (int i = 0; i < a.ntensor; i++)
    own[i] = a.tensor[i] ? gll_check(L, a.tensor[i]) : NULL;
  gll_use_context(L);
  /* From here on no Lua code runs, and nothing raises, until the node is given away. */
  gl_node *n = gl_node_new(op, count);
  for (int i = 0; n && i < count; i++)
    n->in[i] = list[i] ? gl_tensor_retain(list[i]) : NULL;
  if (n)
    for (int k = 0; k < GL_MAXARG; k++)
      n->arg[k] = a.arg[k];
  gl_tensor *out = n ? gl_apply(n) : NULL;
  if (out && op->flags & GL_IN_PLACE) {
    gl_tensor_release(out);
    lua_settop(L, 1);
    return 1;
  }
  return gll_push(L, out);
}

static void set_flag(lua_State *L, const char *key, bool value) {
  lua_pushboolean(L, value);
  lua_setfield(L, -2, key);
}

/* The table of ops as data: a list of {name =, signature =, doc =, differentiable =, in_place =, random =}. */
static void push_descriptions(lua_State *L) {
  lua_newtable(L);
  for (int i = 0; gl_ops[i]; i++) {
    const gl_op *op = gl_ops[i];
    gll_push_description(L, op->name, op->signature, op->doc);
    set_flag(L, "differentiable", op->backward);
    set_flag(L, "in_place", op->flags & GL_IN_PLACE);
    set_flag(L, "random", op->flags & GL_RANDOM);
    lua_rawseti(L, -2, i + 1);
  }
}

/* Lua's operators, by the op that each stands for. */
static const struct {
  const char *event, *op;
} operators[] = {
    {"__add", "add"}, {"__sub", "sub"}, {"__mul", "mul"}, {"__div", "div"}, {"__pow", "pow"}, {"__unm", "neg"},
};

static int negate(lua_State *L) { /* Lua passes the operand of a unary operator twice */
  lua_settop(L, 1);
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_insert(L, 1);
  lua_call(L, 1, 1);
  return 1;
}

void gll_open_ops(lua_State *L, int module) {
  gll_push_kind(L, &gll_tensor);
  lua_getfield(L, -1, "methods");
  int methods = lua_gettop(L), meta = methods - 1;
  for (int i = 0; gl_ops[i]; i++) {
    lua_pushlightuserdata(L, (void *)(uintptr_t)gl_ops[i]);
    lua_pushcclosure(L, apply, 1);
    lua_pushvalue(L, -1);
    lua_setfield(L, methods, gl_ops[i]->name);
    lua_setfield(L, module, gl_ops[i]->name);
  }
  for (size_t i = 0; i < sizeof operators / sizeof *operators; i++) {
    lua_getfield(L, methods, operators[i].op);
    if (operators[i].event[2] == 'u')
      lua_pushcclosure(L, negate, 1);
    lua_setfield(L, meta, operators[i].event);
  }
  push_descriptions(L);
  lua_setfield(L, module, "op_table");
  lua_pop(L, 2);
}
