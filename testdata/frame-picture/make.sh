#!/bin/sh
# Makes the files of this folder.
set -e
cd "$(dirname "$0")"
convert() { /usr/bin/convert "$@"; }

# Pictures over one another: each way to dispose of one, transparency, sizes
# smaller than the screen.
convert -size 24x16 -dispose none -delay 10 xc:gray80 \
  -dispose background -delay 20 \( -size 9x7 xc:black -repage 24x16+3+2 \) \
  -dispose previous -delay 5 \( -size 24x16 xc:none -fill '#c02040' -draw 'rectangle 8,4 20,12' \) \
  -dispose none -delay 7 \( -size 6x5 xc:none -fill '#2060ff' -draw 'rectangle 1,1 4,3' -repage 24x16+17+10 \) \
  -dispose background -delay 9 \( -size 5x4 xc:white -repage 24x16+0+12 \) \
  -dispose none -delay 10 \( -size 3x3 xc:gray30 -repage 24x16+10+6 \) \
  -loop 0 layers.gif
convert layers.gif -coalesce -background white -alpha remove -alpha off coalesced-%d.ppm
cat coalesced-?.ppm >coalesced.ppms
rm coalesced-?.ppm

# A grey wedge in the kinds of PNG and JPEG that there are.
wedge="-size 16x256 gradient:black-white -rotate 90 -depth 8 -strip"
convert $wedge -colorspace Gray wedge.pgm
convert wedge.pgm -define png:color-type=0 -define png:bit-depth=8 wedge-grey8.png
convert wedge.pgm -define png:color-type=0 -define png:bit-depth=16 wedge-grey16.png
convert wedge.pgm -define png:color-type=2 -define png:bit-depth=8 wedge-rgb8.png
convert wedge.pgm -define png:color-type=2 -define png:bit-depth=16 wedge-rgb16.png
convert wedge.pgm -define png:color-type=3 wedge-palette.png
convert wedge.pgm -interlace PNG -define png:color-type=6 -define png:bit-depth=8 wedge-rgba8.png
convert wedge.pgm -define png:color-type=6 -define png:bit-depth=16 wedge-rgba16.png
convert wedge.pgm -quality 100 wedge-grey.jpg
convert wedge.pgm -colorspace sRGB -type TrueColor -quality 100 -sampling-factor 2x2 wedge-420.jpg
convert wedge.pgm -colorspace sRGB -type TrueColor -quality 100 -interlace JPEG -sampling-factor 1x1 wedge-progressive.jpg
convert wedge.pgm -colorspace CMYK -quality 100 wedge-cmyk.jpg
# Transparent where it is black, white where it is opaque, and half of each.
convert -size 4x4 xc:none -fill white -draw 'rectangle 0,0 1,3' -fill '#00000080' -draw 'point 3,3' alpha.png

# A moving scene of an odd size, as video.
ffmpeg() { /usr/bin/ffmpeg -v error -y -bitexact "$@"; }
ffmpeg -f lavfi -i testsrc=size=45x33:rate=10 -frames:v 4 -pix_fmt gray -f rawvideo scene.raw
in="-f rawvideo -pix_fmt gray -s 45x33 -r 10 -color_range pc -i scene.raw"
ffmpeg $in -c:v pgm -f image2pipe scene.pgms
ffmpeg $in -pix_fmt gray -f yuv4mpegpipe scene-mono.y4m
ffmpeg $in -pix_fmt yuvj420p -strict -1 -f yuv4mpegpipe scene-420.y4m
ffmpeg $in -pix_fmt yuvj422p -strict -1 -f yuv4mpegpipe scene-422.y4m
ffmpeg $in -pix_fmt yuvj444p -strict -1 -f yuv4mpegpipe scene-444.y4m
ffmpeg $in -pix_fmt yuv420p10 -strict -1 -f yuv4mpegpipe deep.y4m
ffmpeg $in -pix_fmt yuvj420p -c:v mjpeg -q:v 1 -qmin 1 -f mjpeg scene.mjpeg
ffmpeg $in -pix_fmt gray -f gif scene.gif
rm scene.raw
