/* synth.h -- the built-in data sets, drawn by program. */
#ifndef GENLAT_SYNTH_H
#define GENLAT_SYNTH_H

#include "genlat.h"

/* Handwritten-like digits, in MNIST's form: 28 x 28 grey pixels, 0 paper to 255 ink, the digit fitted into a box of 20
 * pixels and placed by its centre of mass. */
enum { GL_DIGITS_SIDE = 28 };

/* The style factors of a digit: what its class leaves open, in this order. */
enum {
  GL_DIGITS_STYLE,     /* the way of writing it, counting from 1 within its class */
  GL_DIGITS_SLANT,     /* shear to the right, degrees */
  GL_DIGITS_ROTATION,  /* clockwise, degrees */
  GL_DIGITS_WIDTH,     /* stretch in width, a factor */
  GL_DIGITS_SIZE,      /* the longer side of the ink's box, pixels */
  GL_DIGITS_SHIFT_X,   /* the centre of mass from the centre of pixel (14, 14), counted from 0: pixels to the right */
  GL_DIGITS_SHIFT_Y,   /* the same, down */
  GL_DIGITS_THICKNESS, /* the pen's width, pixels */
  GL_DIGITS_PRESSURE,  /* standard deviation of the width along the strokes, times the width */
  GL_DIGITS_TAPER,     /* how much thinner the strokes end, times the width */
  GL_DIGITS_WOBBLE,    /* standard deviation of the lines from the way's own, times the height */
  GL_DIGITS_FACTORS
};
extern const char *const gl_digits_factor_names[]; /* "style", "slant", ...; GL_DIGITS_FACTORS of them */

/* Draws images first .. first + count - 1. Image i depends on (seed, i) only, and its class is any of the ten with the
 * same probability. Each output may be NULL.
 *   images   count x 28 x 28
 *   labels   count, from 1 (the digit 0) to 10 (the digit 9)
 *   factors  count x GL_DIGITS_FACTORS */
bool gl_digits(uint64_t seed, uint64_t first, int64_t count, uint8_t *images, uint8_t *labels, float *factors);

#endif
