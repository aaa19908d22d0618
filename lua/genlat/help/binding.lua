--- binding.lua: what is to say of the functions, methods and fields that are C and no ops.

local binding = {}

-- How tensors are made takes options in the end.
local OPTIONS = 'options: dtype ("float32", "uint8" or "int64"), requires_grad (false).'

--- Functions of genlat: {call =, text =, example =} by name.
binding.functions = {
  tensor = {
    call = "values, [options]", example = "gl.tensor {{1, 2, 3}, {4, 5, 6}}",
    text = "A tensor of a number, a table of numbers, or a table of tables; of a tensor, a copy of it. " .. OPTIONS,
  },
  zeros = {call = "sizes..., [options]", text = "A tensor full of 0. " .. OPTIONS, example = "gl.zeros(2, 3)"},
  ones = {call = "sizes..., [options]", text = "A tensor full of 1. " .. OPTIONS, example = "gl.ones(2, 3)"},
  full = {
    call = "sizes, value, [options]", example = "gl.full({2, 3}, 7)",
    text = "A tensor full of one value; its sizes come in a table. " .. OPTIONS,
  },
  arange = {
    call = "[first], last, [step]", text = "A vector: first (1), first + step (1), ... up to and including last.",
    example = "gl.arange(5)",
  },
  linspace = {
    call = "first, last, n", text = "n numbers, evenly spaced, from first to last.", example = "gl.linspace(0, 1, 5)",
  },
  eye = {call = "n", text = "The n x n identity matrix.", example = "gl.eye(3)"},
  rand = {
    call = "sizes..., [options]", example = "gl.rand(2, 3)",
    text = "Random numbers, uniform over 0..1. gl.seed sets where they begin. " .. OPTIONS,
  },
  randn = {
    call = "sizes..., [options]", example = "gl.randn(2, 3)",
    text = "Random numbers from the normal distribution N(0, 1). gl.seed sets where they begin. " .. OPTIONS,
  },
  randperm = {
    call = "n, [seed], [stream]", example = "gl.randperm(5)",
    text = "1 to n in a random order. With a seed (and a stream, 0) it depends on them alone, not on gl.seed.",
  },
  seed = {
    call = "seed", example = "gl.seed(1)",
    text = "Sets where the random numbers begin, a whole number from 0 to 2^53: equal seeds, equal numbers.",
  },
  rng_state = {
    call = "[seed, counter]", example = "seed, counter = gl.rng_state()\ngl.rng_state(seed, counter)",
    text = "The state of the random numbers, two whole numbers; given both, sets it.",
  },
  threads = {
    call = "[n]", example = "gl.threads()",
    text = "How many threads large work is spread over; given a number, sets it.",
  },
  read_png = {
    call = "path", example = 'gl.read_png "picture.png"', files = true,
    text = "A PNG file as bytes, H x W x C with C = 1 (grey), 2, 3 (RGB) or 4; or nil and a message, also where one of "
      .. "the file's checksums is wrong.",
  },
  write_png = {
    call = "path, image", example = 'gl.write_png("picture.png", gl.rand(8, 8, 3))', files = true,
    text = "Writes an image, H x W or H x W x C, of bytes or of floats 0..1. Returns true, or nil and a message.",
  },
  write_gif = {
    call = "path, frames, [options]", example = 'gl.write_gif("film.gif", gl.rand(5, 8, 8, 1), {delay = 20})',
    files = true,
    text = "Writes an animation, N x H x W x C (C 1 or 3), of bytes or of floats 0..1. options: delay, of each "
      .. "frame in hundredths of a second (10). Returns true, or nil and a message.",
  },
  read_idx = {
    call = "path", text = "A file in the format of MNIST, plain or .gz, as bytes; or nil and a message.", files = true,
    example = 'gl.read_idx "images-idx3-ubyte"',
  },
  write_idx = {
    call = "path, tensor", files = true,
    text = "Writes bytes in the format of MNIST. Returns true, or nil and a message.",
    example = 'gl.write_idx("images-idx3-ubyte", gl.zeros(2, 3, 3, {dtype = "uint8"}))',
  },
}

--- Methods of tensors that are no ops.
binding.methods = {
  size = {
    call = "[axis]", text = "The size of an axis; without one, all sizes in a table.",
    example = "gl.zeros(2, 3):size(2)",
  },
  numel = {call = "", text = "The number of elements.", example = "gl.zeros(2, 3):numel()"},
  item = {call = "", text = "The one element of a tensor, as a number.", example = "gl.tensor({7}):item()"},
  totable = {call = "", text = "The elements as nested tables.", example = "#gl.arange(3):totable()"},
  contiguous = {
    call = "", text = "The tensor itself if its elements are in row-major order without gaps, else a copy that is so.",
    example = "gl.rand(2, 3):transpose(1, 2):contiguous()",
  },
  is_contiguous = {
    call = "", text = "Is the tensor contiguous?", example = "gl.rand(2, 3):transpose(1, 2):is_contiguous()",
  },
  float = {
    call = "", text = "The tensor as float32; bytes keep their values, 0..255.",
    example = 'gl.full({2}, 255, {dtype = "uint8"}):float() / 255',
  },
  byte = {call = "", text = "The tensor as uint8: rounded, kept within 0..255.", example = "(gl.rand(4) * 255):byte()"},
  detach = {
    call = "", text = "The same elements without their history: backward stops there.",
    example = "gl.ones(2, {requires_grad = true}):exp():detach()",
  },
  requires_grad_ = {
    call = "[on]", text = "Says that backward is to compute a gradient for the tensor (true), or not (false).",
    example = "gl.ones(2):requires_grad_()",
  },
  backward = {
    call = "[options]", example = "x = gl.ones(2, {requires_grad = true})\nx:square():sum():backward()\nx.grad",
    text = "Computes the gradient of this number with respect to all leaves that it depends on and that require "
      .. "one, and adds it to their grad. options: gradient, of the tensor itself where it is no single number; "
      .. "retain_graph (false): keeps what backward needs, for another time.",
  },
}

--- Fields of tensors: {name, words}.
binding.fields = {
  {"shape", "the sizes, in a table"}, {"ndim", "how many axes there are"}, {"dtype", '"float32", "uint8" or "int64"'},
  {"requires_grad", "does backward compute a gradient for it?"},
  {"grad", "the gradient, after backward; nil clears it"}, {"is_leaf", "was it made by hand, not computed?"},
}

return binding
