#include <stdio.h>
#include <stddef.h>
#include <linux/videodev2.h>
#define N(name, x) printf("%s %lu\n", name, (unsigned long)(x))
int main(void) {
	N("QUERYCAP", VIDIOC_QUERYCAP);
	N("S_FMT", VIDIOC_S_FMT);
	N("S_PARM", VIDIOC_S_PARM);
	N("REQBUFS", VIDIOC_REQBUFS);
	N("QUERYBUF", VIDIOC_QUERYBUF);
	N("QBUF", VIDIOC_QBUF);
	N("DQBUF", VIDIOC_DQBUF);
	N("STREAMON", VIDIOC_STREAMON);
	N("STREAMOFF", VIDIOC_STREAMOFF);
	N("capability.capabilities", offsetof(struct v4l2_capability, capabilities));
	N("capability.device_caps", offsetof(struct v4l2_capability, device_caps));
	N("format.width", offsetof(struct v4l2_format, fmt.pix.width));
	N("format.pixelformat", offsetof(struct v4l2_format, fmt.pix.pixelformat));
	N("format.bytesperline", offsetof(struct v4l2_format, fmt.pix.bytesperline));
	N("streamparm.timeperframe", offsetof(struct v4l2_streamparm, parm.capture.timeperframe));
	N("requestbuffers.memory", offsetof(struct v4l2_requestbuffers, memory));
	N("buffer.bytesused", offsetof(struct v4l2_buffer, bytesused));
	N("buffer.flags", offsetof(struct v4l2_buffer, flags));
	N("buffer.memory", offsetof(struct v4l2_buffer, memory));
	N("buffer.offset", offsetof(struct v4l2_buffer, m.offset));
	N("buffer.length", offsetof(struct v4l2_buffer, length));
	N("CAP_VIDEO_CAPTURE", V4L2_CAP_VIDEO_CAPTURE);
	N("CAP_STREAMING", V4L2_CAP_STREAMING);
	N("CAP_DEVICE_CAPS", V4L2_CAP_DEVICE_CAPS);
	N("BUF_TYPE_VIDEO_CAPTURE", V4L2_BUF_TYPE_VIDEO_CAPTURE);
	N("MEMORY_MMAP", V4L2_MEMORY_MMAP);
	N("FIELD_NONE", V4L2_FIELD_NONE);
	N("BUF_FLAG_ERROR", V4L2_BUF_FLAG_ERROR);
	N("YUYV", V4L2_PIX_FMT_YUYV);
	N("MJPEG", V4L2_PIX_FMT_MJPEG);
	N("GREY", V4L2_PIX_FMT_GREY);
	N("NV12", V4L2_PIX_FMT_NV12);
	return 0;
}
