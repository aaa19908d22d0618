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

/* Cartoon faces: portraits in colour, side x side x 3.
 *
 * The attributes of a face, in this order. What each one is not said to be, a face's look is: the place, size and tilt
 * of the head, its proportions, eyebrows, curls, parting, clothes, colour of the eyes, form of the glasses. */
enum {
  GL_FACES_SMILE,       /* -1 mouth turned down, 0 level, 1 a laugh with teeth */
  GL_FACES_SKIN,        /* 0 lightest to 1 darkest */
  GL_FACES_HAIR_COLOUR, /* 0 black, 1/4 brown, 1/2 red, 3/4 blond, 1 white, and what lies between */
  GL_FACES_HAIR_LENGTH, /* 0 cropped, 1/2 to the jaw, 1 to the chest */
  GL_FACES_BEARD,       /* 0 shaven, 0.3 stubble, 1 full and long; half of the faces are shaven */
  GL_FACES_GLASSES,     /* 0 without or 1 with; a face drawn with less than 1 has them see-through */
  GL_FACES_EYE_SIZE,    /* 0 small to 1 large */
  GL_FACES_TURN,        /* -1 turned to the picture's left by 25 degrees, 0 looking ahead, 1 to the right */
  GL_FACES_BACKGROUND,  /* its hue: 0 coral, 1/5 amber, 2/5 green, 3/5 teal, 4/5 blue, 1 violet */
  GL_FACES_FACTORS
};
extern const char *const gl_faces_factor_names[]; /* "smile", "skin", ...; GL_FACES_FACTORS of them */
extern const float gl_faces_usual[];              /* the attributes of a face that nothing is said about */

/* The class of a face is the group of its hair colour: within 1/8 of black, brown, red, blond or white. */
enum { GL_FACES_CLASSES = 5 };
extern const char *const gl_faces_class_names[];

/* From 16 on: smaller than that a face cannot be read. */
enum { GL_FACES_SIDE_MIN = 16, GL_FACES_SIDE_MAX = 512 };

/* Draws images first .. first + count - 1. Image i depends on (seed, i), side and correlated only. Each output may be
 * NULL.
 *   images   count x side x side x 3
 *   labels   count, from 1 (black) to 5 (white)
 *   factors  count x GL_FACES_FACTORS
 *
 * The attributes are independent of each other, and all but the beard and the glasses are spread evenly over their
 * range. Where they are correlated, these two depend on others, and the rest of the face stays the same: with every
 * attribute the image of a standard normal variable z,
 *   z(beard)   = -0.6 z(hair_length) - 0.5 z(smile) + 0.62 e    correlations -0.52 and -0.43
 *   z(glasses) = 0.8 z(skin) + 0.6 e                            correlation 0.66 */
bool gl_faces(uint64_t seed, uint64_t first, int64_t count, int side, bool correlated, uint8_t *images, uint8_t *labels,
              float *factors);

typedef struct gl_faces_look { /* that of image `index`, which counts from 0 */
  uint64_t seed, index;
} gl_faces_look;

/* Draws the face with these attributes (GL_FACES_FACTORS of them, within their ranges) and a look; NULL for the plain
 * one. With the factors and the look of one of gl_faces' images it draws this image. */
bool gl_face(const float *factors, const gl_faces_look *look, int side, uint8_t *image);

#endif
