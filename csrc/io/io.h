/* io.h -- files in and out: PNG and GIF images, folders of images, IDX and CIFAR-10 data sets, safetensors, mapped
 * files, and the safe opening and replacing that they share.
 *
 * Files are hostile: a reader checks every length against the size of the file before it uses it, so that what it
 * allocates is in proportion to what is really there. A message begins with the path: "a.png: truncated: ...".
 */
#ifndef GENLAT_IO_H
#define GENLAT_IO_H

#include <stdio.h>
#include <sys/types.h>

#include "genlat.h"

/* ---- file: what the formats share -------------------------------------------------------------------------------- */

typedef enum gl_file_kind { GL_KIND_NONE, GL_KIND_FILE, GL_KIND_FOLDER } gl_file_kind;

gl_file_kind gl_file_find(const char *path);
bool gl_file_mkdirs(const char *path); /* makes a folder and those above it; fine where it exists already */
bool gl_file_write_atomic(const char *path, const void *bytes, size_t n);

typedef struct gl_input { /* a regular file being read */
  int fd;
  int64_t bytes; /* its size when it was opened */
} gl_input;

/* The messages of gl_input_* and gl_output_* do not name the file: the caller does, with gl_fail_in(path). */
bool gl_input_open(gl_input *in, const char *path);
bool gl_input_read(const gl_input *in, int64_t offset, void *out, size_t n); /* exactly n bytes, or it fails */
void gl_input_close(gl_input *in);

/* The bytes of a file one after the other, inflated where they are gzip-compressed. `in` has to stay open. */
typedef struct gl_stream gl_stream;

gl_stream *gl_stream_new(const gl_input *in);
bool gl_stream_is_packed(const gl_stream *s);
bool gl_stream_read(gl_stream *s, void *out, int64_t n, int64_t *came); /* n bytes, or less at the end: says how many */
bool gl_stream_ended(const gl_stream *s); /* after reading all: is the end there, with the checksum of packed bytes? */
void gl_stream_free(gl_stream *s);

/* The most that deflate can make of this many compressed bytes: 1032 : 1, and some for a short stream. */
int64_t gl_inflated_limit(int64_t compressed);

/* A file being written beside its final place, so that nobody ever sees half of it. Links are followed, the permissions
 * of a file that is replaced are kept, a new one has those that the umask leaves. A pipe or a device is written into.
 */
typedef struct gl_output {
  FILE *file;
  const char *path; /* the caller's string */
  char *target;     /* the final place, where links lead */
  char *temporary;  /* the name beside it, once `named` */
  bool named;
  bool special; /* a pipe or a device */
} gl_output;

bool gl_output_open(gl_output *out, const char *path);
bool gl_output_write(gl_output *out, const void *bytes, size_t n);
/* With ok: syncs the file to the disk and renames it to its final place. Otherwise, or where that fails: removes it,
 * and what was at path before is still there. Returns whether all is written; ok = false keeps the message. */
bool gl_output_close(gl_output *out, bool ok);

/* ---- lock: what several processes must not take at once ---------------------------------------------------------- */

/* Makes a folder; *made is false where there is something of that name already. Of several processes that try, one
 * alone makes it. */
bool gl_folder_claim(const char *path, bool *made);

typedef enum gl_lock_state {
  GL_LOCK_TAKEN,   /* ours, until gl_file_unlock or the end of the process, however it ends */
  GL_LOCK_BUSY,    /* another's */
  GL_LOCK_UNKNOWN, /* the file system has no locks: gl_error() says so */
  GL_LOCK_FAILED   /* gl_error() says why */
} gl_lock_state;

typedef struct gl_lock {
  gl_lock_state state;
  int fd;
  long holder; /* of GL_LOCK_BUSY: the other process' number, or 0 */
} gl_lock;

/* Takes a file for this process, without waiting; makes the file where there is none. By flock(), which Linux also
 * passes on to an NFS server; a child process that was forked shares the lock, a program that it executes does not. */
gl_lock gl_file_lock(const char *path);
void gl_file_unlock(gl_lock *lock);

/* ---- mapped files ------------------------------------------------------------------------------------------------ */

/* A tensor of uint8 whose values are those of the file from `offset` on: mapped, so that the system reads what is
 * looked at and forgets it where memory is short. It cannot be changed. Where somebody cuts or changes the file, what
 * reads it fails from then on (gl_tensor_intact); replacing it by another one is fine. While files are mapped, SIGBUS
 * of their pages is caught; any other goes where it went before. */
gl_tensor *gl_map_file(const char *path, int64_t offset, int ndim, const int64_t *shape);

typedef struct gl_entry { /* of a folder */
  const char *name;
  gl_file_kind kind;
  int64_t bytes;   /* of a file */
  int64_t written; /* when its bytes were changed last: nanoseconds since 1970, which programs can set as they like */
  int64_t changed; /* when anything of it was, which they cannot */
  int64_t number;  /* of the file in its file system */
} gl_entry;

typedef struct gl_listing {
  int64_t n;
  gl_entry *entry; /* sorted by name, byte by byte; without . and .. */
  char *names;     /* what their names point into */
} gl_listing;

bool gl_folder_list(const char *path, gl_listing *list);
bool gl_file_entry(const char *path, gl_entry *entry); /* of one file or folder; false where there is none */
void gl_listing_free(gl_listing *list);
/* The clock that gives files their times moves in steps: waits until it is past `changed`, where that is now, so that a
 * later change is seen by its time. Has it waited? */
bool gl_files_settle(int64_t changed);

/* A 64-bit hash in which every bit of the text and the seed matters to every bit. Not for adversaries. */
uint64_t gl_hash(const void *text, size_t n, uint64_t seed);
/* *hash, a seed at first, becomes that of the rows of t, which is contiguous: uint8, or whole numbers as int64 or
 * floats, which give the same. It depends on the rows and their order only, so that a part after another gives what
 * both together do. False where memory is short. */
bool gl_hash_rows(const gl_tensor *t, uint64_t *hash);

/* ---- images ------------------------------------------------------------------------------------------------------ */

typedef struct gl_pixels { /* height x width x channels; 1 grey, 2 grey and alpha, 3 RGB, 4 RGB and alpha */
  uint8_t *data;           /* gl_alloc's */
  int64_t height, width;
  int channels;
} gl_pixels;

/* How an image gets another size: it has to have it already; the largest part in its middle of the new size's
 * proportions is scaled; or the whole is, whatever becomes of its proportions. */
typedef enum gl_fit { GL_FIT_NONE, GL_FIT_CROP, GL_FIT_STRETCH } gl_fit;

typedef struct gl_form { /* what images are brought to */
  int64_t height, width;
  int channels; /* 1 or 3 */
  bool convert; /* grey to RGB and RGB to grey; otherwise an image of the other kind does not fit */
  gl_fit fit;
  uint8_t background; /* the grey that shows where an image is transparent */
} gl_form;

bool gl_form_check(const gl_form *form);
/* Can the image be brought to the form? If not, the message says what it is: "is 30x20", "is in color". */
bool gl_image_fits(const gl_pixels *from, const gl_form *form);
/* from, which fits, in the form, to `to`: height x width x channels bytes. Down by averaging areas, up by linear
 * interpolation. False where memory is short. */
bool gl_image_bring(const gl_pixels *from, const gl_form *form, uint8_t *to);
/* t itself, retained, or its floats of 0..1 as bytes, the rest clamped: contiguous uint8. */
gl_tensor *gl_image_bytes(gl_tensor *t);

/* ---- PNG --------------------------------------------------------------------------------------------------------- */

/* Is t an image? H x W, or H x W x C with C = 1 (grey), 2 (grey, alpha), 3 (RGB) or 4 (RGB, alpha); bytes, or floats
 * of which 0..1 is shown and the rest is clamped. */
bool gl_png_check(const gl_tensor *t);
bool gl_png_write(const char *path, gl_tensor *t);
gl_tensor *gl_png_encode(gl_tensor *t);   /* the file's bytes, in memory */
gl_tensor *gl_png_read(const char *path); /* uint8, H x W x C with the file's C; 8 bits each, palettes looked up */

/* What became of a file: it was read; it is missing or damaged; it is not in the form; memory was short. */
typedef enum gl_image_state { GL_IMAGE_GOOD, GL_IMAGE_BROKEN, GL_IMAGE_MISFIT, GL_IMAGE_NO_MEMORY } gl_image_state;

/* As gl_png_read, on any thread; where it is good, p->data is the caller's to free. */
gl_image_state gl_png_decode(const char *path, gl_pixels *p);

typedef struct gl_image_report {
  gl_image_state state;
  char message[512]; /* begins with the path; of one that is not in the form: what gl_image_fits says */
} gl_image_report;

/* Reads n PNG files on all threads and puts the good ones into `to`, one after the other. Returns how many they are. */
int64_t gl_png_read_all(int64_t n, const char *const *path, const gl_form *form, uint8_t *to, gl_image_report *report);

/* ---- GIF --------------------------------------------------------------------------------------------------------- */

/* Is t an animation? N x H x W, or N x H x W x C with C = 1 or 3; bytes, or floats of 0..1, clamped. */
bool gl_gif_check(const gl_tensor *frames);
/* Shows each frame for `delay` hundredths of a second, over and over. Grey is exact; of RGB each frame has a palette of
 * its own, exact up to 256 colors. */
bool gl_gif_write(const char *path, gl_tensor *frames, int delay);

/* The best 256 colors for n RGB pixels, and for each pixel the one that is nearest; returns how many are used, 0 where
 * memory is short. */
enum { GL_PALETTE_MAX = 256 };
int gl_palette_choose(const uint8_t *rgb, int64_t n, uint8_t palette[GL_PALETTE_MAX][3], uint8_t *index);

/* ---- IDX: the format of MNIST ------------------------------------------------------------------------------------ */

gl_tensor *gl_idx_read(const char *path);          /* uint8 with the file's shape; plain or gzip-compressed */
bool gl_idx_check(const gl_tensor *t);             /* can t be written: uint8, with an axis, not empty? */
bool gl_idx_write(const char *path, gl_tensor *t); /* compressed where the path ends in .gz */

/* ---- CIFAR-10, the binary version -------------------------------------------------------------------------------- */

/* The records of n files: images, N x 32 x 32 x 3 uint8, and labels, N floats from 1. */
bool gl_cifar10_read(int n, const char *const *path, gl_tensor **images, gl_tensor **labels);

/* ---- safetensors ------------------------------------------------------------------------------------------------- */

typedef struct gl_safetensors { /* an open file; its header is JSON, which is read and checked elsewhere */
  gl_input in;
  char *header; /* header_bytes long, then a zero */
  int64_t header_bytes;
  int64_t data_bytes; /* of the section that the header's data_offsets count in */
} gl_safetensors;

gl_safetensors *gl_safetensors_open(const char *path);
void gl_safetensors_close(gl_safetensors *f); /* NULL is allowed */
/* The tensor at bytes begin .. end of the data section; dtype is the file's word: U8 and BOOL (0 and 1) give uint8, the
 * others float: F64 rounded, whole numbers exact or refused. The message names neither file nor tensor. */
gl_tensor *gl_safetensors_tensor(const gl_safetensors *f, const char *dtype, int ndim, const int64_t *shape,
                                 int64_t begin, int64_t end);
const char *gl_safetensors_dtype(const gl_tensor *t); /* the word for what t is written as: F32 (F64), U8 or I64 */
/* Writes the header's length, the header as it is, and the values of the tensors one after the other. */
bool gl_safetensors_write(const char *path, const char *header, size_t header_bytes, int n, gl_tensor *const *tensor);

#endif
