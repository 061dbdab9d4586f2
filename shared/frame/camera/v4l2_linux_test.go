package camera

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"coldsign/shared/fault"
)

// The numbers and offsets are those of the kernel's own header.
func TestLayout(t *testing.T) {
	if runtime.GOARCH != "amd64" && runtime.GOARCH != "arm64" {
		t.Skip("the vectors are for 64-bit little-endian machines")
	}
	raw, err := os.ReadFile("../../../testdata/v4l2/layout.txt")
	if err != nil {
		t.Fatal(err)
	}
	const both = dirRead | dirWrite
	ours := map[string]uint{
		"QUERYCAP":                request(dirRead, nrQuerycap, uint(unsafe.Sizeof(capability{}))),
		"S_FMT":                   request(both, nrSetFormat, uint(unsafe.Sizeof(pixFormat{}))),
		"S_PARM":                  request(both, nrSetParm, uint(unsafe.Sizeof(streamParm{}))),
		"REQBUFS":                 request(both, nrRequestBuffers, uint(unsafe.Sizeof(requestBuffers{}))),
		"QUERYBUF":                request(both, nrQueryBuffer, uint(unsafe.Sizeof(buffer{}))),
		"QBUF":                    request(both, nrQueue, uint(unsafe.Sizeof(buffer{}))),
		"DQBUF":                   request(both, nrDequeue, uint(unsafe.Sizeof(buffer{}))),
		"STREAMON":                request(dirWrite, nrStreamOn, 4),
		"STREAMOFF":               request(dirWrite, nrStreamOff, 4),
		"capability.capabilities": uint(unsafe.Offsetof(capability{}.capabilities)),
		"capability.device_caps":  uint(unsafe.Offsetof(capability{}.deviceCaps)),
		"format.width":            uint(unsafe.Offsetof(pixFormat{}.pix) + unsafe.Offsetof(pixFormat{}.pix.width)),
		"format.pixelformat":      uint(unsafe.Offsetof(pixFormat{}.pix) + unsafe.Offsetof(pixFormat{}.pix.pixelformat)),
		"format.bytesperline":     uint(unsafe.Offsetof(pixFormat{}.pix) + unsafe.Offsetof(pixFormat{}.pix.bytesperline)),
		"streamparm.timeperframe": uint(unsafe.Offsetof(streamParm{}.numerator)),
		"requestbuffers.memory":   uint(unsafe.Offsetof(requestBuffers{}.memory)),
		"buffer.bytesused":        uint(unsafe.Offsetof(buffer{}.bytesused)),
		"buffer.flags":            uint(unsafe.Offsetof(buffer{}.flags)),
		"buffer.memory":           uint(unsafe.Offsetof(buffer{}.memory)),
		"buffer.offset":           uint(unsafe.Offsetof(buffer{}.m) + unsafe.Offsetof(buffer{}.m.offset)),
		"buffer.length":           uint(unsafe.Offsetof(buffer{}.length)),
		"CAP_VIDEO_CAPTURE":       capCapture, "CAP_STREAMING": capStreaming, "CAP_DEVICE_CAPS": capDeviceCaps,
		"BUF_TYPE_VIDEO_CAPTURE": typeCapture, "MEMORY_MMAP": memoryMmap, "FIELD_NONE": fieldNone, "BUF_FLAG_ERROR": flagError,
		"YUYV": yuyv, "MJPEG": mjpg, "GREY": grey, "NV12": nv12,
	}
	lines := strings.Split(strings.TrimSpace(string(raw)), "\n")
	for _, line := range lines {
		var name string
		var want uint
		if _, err := fmt.Sscan(line, &name, &want); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if got, ok := ours[name]; !ok || got != want {
			t.Errorf("%s is %d, want %d", name, got, want)
		}
	}
	if len(lines) != len(ours) {
		t.Errorf("%d lines for %d numbers", len(lines), len(ours))
	}
}

// kernel plays the driver of a camera whose memory is an anonymous file.
type kernel struct {
	t      *testing.T
	caps   capability
	queued []uint32 // buffers that the camera may fill
	filled []buffer // buffers that it has filled, the oldest first
	on     bool
	fails  map[uint]error // by number of the request
}

const frameSize = 640 * 480 * 2

func (k *kernel) ioctl(fd int, req uint, arg unsafe.Pointer) error {
	nr := req & 0xff
	if err := k.fails[nr]; err != nil {
		return err
	}
	switch nr {
	case nrQuerycap:
		*(*capability)(arg) = k.caps
	case nrSetFormat:
		f := (*pixFormat)(arg)
		f.pix.width, f.pix.height, f.pix.pixelformat, f.pix.bytesperline, f.pix.sizeimage = 640, 480, yuyv, 1280, frameSize
	case nrSetParm:
		p := (*streamParm)(arg)
		p.numerator, p.denominator = 1001, 30000
	case nrRequestBuffers:
		r := (*requestBuffers)(arg)
		r.count = 3 // fewer than asked for
		return unix.Ftruncate(fd, int64(3*frameSize))
	case nrQueryBuffer:
		b := (*buffer)(arg)
		b.length, b.m.offset = frameSize, b.index*frameSize
	case nrQueue:
		k.queued = append(k.queued, (*buffer)(arg).index)
	case nrDequeue:
		if len(k.filled) == 0 {
			return unix.EAGAIN
		}
		*(*buffer)(arg) = k.filled[0]
		k.filled = k.filled[1:]
	case nrStreamOn, nrStreamOff:
		if *(*int32)(arg) != typeCapture {
			return unix.EINVAL
		}
		k.on = nr == nrStreamOn
	default:
		k.t.Errorf("request %#x", req)
	}
	return nil
}

// fill lets the camera put a picture of one shade into the next buffer.
func (k *kernel) fill(fd int, shade byte, flags uint32) {
	k.t.Helper()
	if len(k.queued) == 0 || !k.on {
		k.t.Fatal("no buffer is queued")
	}
	i := k.queued[0]
	k.queued = k.queued[1:]
	if _, err := unix.Pwrite(fd, bytes.Repeat([]byte{shade}, frameSize), int64(i)*frameSize); err != nil {
		k.t.Fatal(err)
	}
	k.filled = append(k.filled, buffer{index: i, bytesused: frameSize, flags: flags})
}

func newKernel(t *testing.T) (*kernel, *v4l2) {
	t.Helper()
	fd, err := unix.MemfdCreate("camera", unix.MFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	k := &kernel{t: t, fails: map[uint]error{}}
	k.caps.capabilities = capCapture | capStreaming
	return k, &v4l2{fd: fd, path: "/dev/video7", ioctl: k.ioctl}
}

func TestV4L2(t *testing.T) {
	k, d := newKernel(t)
	if err := d.check(); err != nil {
		t.Fatal(err)
	}
	cam, err := start("/dev/video7", d)
	if want := (format{code: yuyv, width: 640, height: 480, stride: 1280, rate: 29}); err != nil || cam.format != want {
		t.Fatalf("%+v, %v", cam, err)
	}
	// The poll of an ordinary file always says yes: the first turn starts the camera.
	if _, err := d.frame(turn); !errors.Is(err, os.ErrDeadlineExceeded) || !k.on || len(k.queued) != 3 {
		t.Fatalf("%v, on %v, %d queued", err, k.on, len(k.queued))
	}
	shade := func(want byte) {
		t.Helper()
		p, err := cam.Next()
		if err != nil || p.Width != 640 || p.Height != 480 || p.Pix[0] != want || p.Pix[640*480-1] != want {
			t.Errorf("want shade %d: %v", want, err)
		}
		if len(k.queued) != 3 || len(k.filled) != 0 {
			t.Errorf("%d queued, %d filled", len(k.queued), len(k.filled))
		}
	}
	for i := range 10 {
		k.fill(d.fd, byte(i), 0)
		shade(byte(i))
	}
	k.fill(d.fd, 100, 0)
	k.fill(d.fd, 101, 0)
	k.fill(d.fd, 102, 0)
	shade(102) // the others are stale
	k.fill(d.fd, 103, flagError)
	if _, err := cam.Next(); fault.Code(err) != "picture.damaged" {
		t.Errorf("%v", err)
	}
	k.fill(d.fd, 104, 0)
	k.filled[0].bytesused = 1 << 31
	shade(104)
	k.fill(d.fd, 105, 0)
	k.filled[0].index = 3
	if _, err := cam.Next(); fault.Code(err) != "camera.lost" {
		t.Errorf("%v", err)
	}
	k.fails[nrDequeue] = unix.ENODEV
	if _, err := cam.Next(); fault.Code(err) != "camera.lost" || !errors.Is(err, unix.ENODEV) {
		t.Errorf("%v", err)
	}
	if err := cam.Close(); err != nil || k.on {
		t.Errorf("%v, on %v", err, k.on)
	}
}

func TestV4L2Refused(t *testing.T) {
	for name, c := range map[string]struct {
		nr   uint
		err  error
		code string
	}{
		"format busy":  {nrSetFormat, unix.EBUSY, "camera.busy"},
		"buffers busy": {nrRequestBuffers, unix.EBUSY, "camera.busy"},
		"stream busy":  {nrStreamOn, unix.EBUSY, "camera.busy"},
		"gone":         {nrQueryBuffer, unix.ENODEV, "camera.missing"},
		"bandwidth":    {nrStreamOn, unix.ENOSPC, "camera.type"},
		"no memory":    {nrQueue, unix.ENOMEM, "camera.type"},
	} {
		k, d := newKernel(t)
		k.fails[c.nr] = c.err
		cam, err := start("/dev/video7", d)
		if err == nil {
			_, err = cam.Next()
			cam.Close()
		}
		if fault.Code(err) != c.code {
			t.Errorf("%s: %v, want %s", name, err, c.code)
		}
	}
	for caps, good := range map[[2]uint32]bool{
		{capCapture | capStreaming}: true,
		{capCapture}:                false,
		{capStreaming}:              false,
		{capCapture | capStreaming | capDeviceCaps, capStreaming}:              false, // the metadata node of a camera
		{capCapture | capStreaming | capDeviceCaps, capCapture | capStreaming}: true,
	} {
		k, d := newKernel(t)
		k.caps.capabilities, k.caps.deviceCaps = caps[0], caps[1]
		if err := d.check(); (err == nil) != good {
			t.Errorf("%#x: %v", caps, err)
		}
		d.Close()
	}
}

func TestOpen(t *testing.T) {
	file := filepath.Join(t.TempDir(), "x\x1b[2J")
	os.WriteFile(file, nil, 0o600)
	for path, code := range map[string]string{
		"/dev/video-none": "camera.missing", "/dev/null": "camera.type", "/dev": "camera.type", file: "camera.type",
		file + "/x": "camera.type",
	} {
		if _, err := Open(path); fault.Code(err) != code || strings.Contains(err.Error(), "\x1b") {
			t.Errorf("%q: %v, want %s", path, err, code)
		}
	}
	for err, code := range map[error]string{unix.EACCES: "camera.permission", unix.EPERM: "camera.permission", unix.ENXIO: "camera.missing"} {
		if got := refused("/dev/video0", err); fault.Code(got) != code {
			t.Errorf("%v: %v", err, got)
		}
	}
}
