/* digit_ways.h -- inside synth/: the ways of writing each digit. */
#ifndef GENLAT_DIGIT_WAYS_H
#define GENLAT_DIGIT_WAYS_H

#include "synth/strokes.h"

enum { GL_WAY_KNOTS = 24, GL_WAY_SHAPES = 12 };

typedef struct gl_way_knot { /* x to the right, y down, both 0 to 100 */
  signed char x, y;
} gl_way_knot;

/* A way of writing a digit: the same pen movement in a few shapes. Every mixture of the shapes is one more of them. */
typedef struct gl_digit_way {
  int digit;
  int weight;           /* how common it is among its digit's ways */
  const char *movement; /* a letter for each knot: 's' start of a stroke, '.' smooth, 'c' corner */
  gl_way_knot shape[GL_WAY_SHAPES][GL_WAY_KNOTS];
  int shapes;
} gl_digit_way;

extern const gl_digit_way gl_digit_ways[]; /* sorted by digit */
extern const int gl_digit_ways_count;

#endif
