rockspec_format = "3.0"
package = "genlat"
version = "scm-1"

source = {
  url = "git+https://github.com/genlat/genlat.git",
}

description = {
  summary = "Train and explore latent-variable image models: autoencoder, VAE, GAN",
  detailed = [[
A C module for Lua 5.4 and 5.5: tensors, differentiable operations, layers and optimizers in C on OpenBLAS; models,
training loops and latent-space experiments in Lua. Runs on the CPU, reads and writes PNG, IDX and safetensors, writes
GIF.]],
  homepage = "https://github.com/genlat/genlat",
  license = "MIT",
  labels = {"machine-learning", "neural-network", "autoencoder", "vae", "gan"},
}

dependencies = {
  "lua >= 5.4",
  "argparse",
  "lua-cjson",
}

test_dependencies = {
  "busted",
  "luasocket",
}

-- Libraries alone: LuaRocks does not look for headers where Debian keeps cblas.h. The Makefile checks for those.
external_dependencies = {
  OPENBLAS = {library = "openblas"},
  PNG = {library = "png"},
  GIF = {library = "gif"},
  ZLIB = {library = "z"},
}

-- For building and for installing alike, as other flags would build everything anew.
local variables = {
  LUAROCKS = "1",
  CC = "$(CC)",
  CFLAGS = "$(CFLAGS)",
  LIBFLAG = "$(LIBFLAG)",
  LDFLAGS = "-L$(OPENBLAS_LIBDIR) -L$(PNG_LIBDIR) -L$(GIF_LIBDIR) -L$(ZLIB_LIBDIR)",
  LUA = "$(LUA)",
  LUA_INCDIR = "$(LUA_INCDIR)",
  PREFIX = "$(PREFIX)",
  LUADIR = "$(LUADIR)",
  LIBDIR = "$(LIBDIR)",
  BINDIR = "$(BINDIR)",
}

build = {
  type = "make",
  build_variables = variables,
  install_variables = variables,
}

test = {
  type = "busted",
}
