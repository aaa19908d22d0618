/* synth.c -- the built-in data sets for Lua. */
#include "synth/synth.h"

#include "lua/binding.h"

/* Releases what was made before a failure, then raises it. */
static int give_up(lua_State *L, gl_tensor *const *made, int n) {
  for (int i = 0; i < n; i++)
    gl_tensor_release(made[i]);
  return gll_raise(L);
}

/* Fills images, labels, factors. The factors pass through a float buffer, because gl_real may be double. */
static bool draw_digits(uint64_t seed, uint64_t first, int64_t count, gl_tensor *const *out) {
  float *factors = gl_alloc((size_t)count * GL_DIGITS_FACTORS * sizeof *factors);
  if (!factors)
    return false;
  bool ok = gl_digits(seed, first, count, gl_tensor_bytes(out[0]), gl_tensor_bytes(out[1]), factors);
  gl_real *to = gl_tensor_data(out[2]);
  for (int64_t i = 0; ok && i < count * GL_DIGITS_FACTORS; i++)
    to[i] = factors[i];
  gl_free(factors);
  return ok;
}

/* digits(count, seed = 0, first = 1) -> images (uint8, count x 28 x 28 x 1), labels (uint8, count, 1 for the digit 0 to
 * 10), factors (float, count x #digits_factors()). Image i, counting from 1, depends on (seed, i) only. */
static int digits(lua_State *L) {
  lua_Integer count = luaL_checkinteger(L, 1), seed = luaL_optinteger(L, 2, 0), first = luaL_optinteger(L, 3, 1);
  luaL_argcheck(L, count >= 1 && count <= INT32_MAX, 1, "the count must be 1 to 2147483647");
  luaL_argcheck(L, first >= 1, 3, "the first image is 1 or later");
  const int64_t images[] = {count, GL_DIGITS_SIDE, GL_DIGITS_SIDE, 1}, factors[] = {count, GL_DIGITS_FACTORS};
  gl_tensor *out[] = {gl_tensor_new(GL_UINT8, 4, images), gl_tensor_new(GL_UINT8, 1, images),
                      gl_tensor_new(GL_FLOAT, 2, factors)};
  if (!out[0] || !out[1] || !out[2] || !draw_digits((uint64_t)seed, (uint64_t)first - 1, count, out))
    return give_up(L, out, 3);
  for (int i = 0; i < 3; i++)
    gll_push(L, out[i]);
  return 3;
}

/* digits_factors() -> the list of the factors' names, in the order of digits' third result. */
static int digits_factors(lua_State *L) {
  lua_createtable(L, GL_DIGITS_FACTORS, 0);
  for (int i = 0; i < GL_DIGITS_FACTORS; i++) {
    lua_pushstring(L, gl_digits_factor_names[i]);
    lua_rawseti(L, -2, i + 1);
  }
  return 1;
}

const luaL_Reg gll_synth_functions[] = {
  {"digits", digits},
  {"digits_factors", digits_factors},
  {NULL, NULL},
};
