package camera

import (
	"errors"
	"fmt"
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"coldsign/shared/fault"
)

// What is used of linux/videodev2.h. Requests are numbered as in
// asm-generic/ioctl.h: direction, size of the argument, 'V', number.
const (
	videoMajor = 81 // of the device numbers of cameras

	dirWrite, dirRead = 1, 2

	nrQuerycap, nrSetFormat, nrRequestBuffers, nrQueryBuffer = 0, 5, 8, 9
	nrQueue, nrDequeue, nrStreamOn, nrStreamOff, nrSetParm   = 15, 17, 18, 19, 22

	capCapture, capStreaming, capDeviceCaps = 0x1, 0x04000000, 0x80000000

	typeCapture = 1
	memoryMmap  = 1
	fieldNone   = 1
	flagError   = 0x40

	bufferCount = 4
	maxBuffer   = 128 << 20
)

type capability struct {
	_                        [16 + 32 + 32 + 4]byte // driver, card, bus, version
	capabilities, deviceCaps uint32
	_                        [12]byte
}

// aligned makes a union that the kernel aligns as a pointer.
type aligned = [0]uintptr

type pixFormat struct {
	kind uint32
	pix  struct {
		_                                                          aligned
		width, height, pixelformat, field, bytesperline, sizeimage uint32
		_                                                          [200 - 6*4]byte
	}
}

type streamParm struct {
	kind, capability, mode, numerator, denominator uint32
	_                                              [200 - 4*4]byte
}

type requestBuffers struct {
	count, kind, memory uint32
	_                   [8]byte
}

type buffer struct {
	index, kind, bytesused, flags, field uint32
	timestamp                            unix.Timeval
	_                                    [16]byte // timecode
	sequence, memory                     uint32
	m                                    struct {
		_      aligned
		offset uint32
		_      [unsafe.Sizeof(uintptr(0)) - 4]byte
	}
	length uint32
	_      [8]byte
}

// v4l2 is a camera that the kernel drives.
type v4l2 struct {
	fd      int
	path    string
	ioctl   func(fd int, request uint, arg unsafe.Pointer) error
	buffers [][]byte // shared with the kernel; those that are not queued are ours
	last    []byte   // copy of the newest picture
}

func openDevice(path string) (device, error) {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return nil, refused(path, err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFCHR || unix.Major(uint64(st.Rdev)) != videoMajor {
		return nil, refused(path, unix.ENOTTY)
	}
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, refused(path, err)
	}
	d := &v4l2{fd: fd, path: path, ioctl: ioctl}
	if err := d.check(); err != nil {
		unix.Close(fd)
		return nil, refused(path, err)
	}
	return d, nil
}

func ioctl(fd int, request uint, arg unsafe.Pointer) error {
	for {
		// The conversion must stand here: only so does arg stay where it is.
		_, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), uintptr(request), uintptr(arg))
		if e == 0 {
			return nil
		}
		if e != unix.EINTR {
			return e
		}
	}
}

func request(dir, nr, size uint) uint { return dir<<30 | size<<16 | 'V'<<8 | nr }

// Controls gives the ioctl requests that a camera is driven by, for who lets through
// no others.
func Controls() []uint32 {
	var list []uint32
	for _, r := range []struct {
		dir, nr uint
		size    uintptr
	}{
		{dirRead, nrQuerycap, unsafe.Sizeof(capability{})}, {dirRead | dirWrite, nrSetFormat, unsafe.Sizeof(pixFormat{})},
		{dirRead | dirWrite, nrSetParm, unsafe.Sizeof(streamParm{})}, {dirRead | dirWrite, nrRequestBuffers, unsafe.Sizeof(requestBuffers{})},
		{dirRead | dirWrite, nrQueryBuffer, unsafe.Sizeof(buffer{})}, {dirRead | dirWrite, nrQueue, unsafe.Sizeof(buffer{})},
		{dirRead | dirWrite, nrDequeue, unsafe.Sizeof(buffer{})}, {dirWrite, nrStreamOn, unsafe.Sizeof(uint32(0))}, {dirWrite, nrStreamOff, unsafe.Sizeof(uint32(0))},
	} {
		list = append(list, uint32(request(r.dir, r.nr, uint(r.size))))
	}
	return list
}

func call[T any](d *v4l2, dir, nr uint, arg *T) error {
	return d.ioctl(d.fd, request(dir, nr, uint(unsafe.Sizeof(*arg))), unsafe.Pointer(arg))
}

// refused tells why a camera cannot be used.
func refused(path string, err error) error {
	switch {
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ENODEV), errors.Is(err, unix.ENXIO):
		return missing("there is no camera %q", path)
	case errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
		return fault.New("camera.permission", "add yourself to the group video and log in again", "the camera %q may not be used: %w", path, err)
	case errors.Is(err, unix.EBUSY):
		return fault.New("camera.busy", "end the program that uses it", "the camera %q is in use", path)
	}
	return fault.New("camera.type", "name a camera", "%q is no camera that can be used: %w", path, err)
}

func (d *v4l2) check() error {
	var c capability
	if err := call(d, dirRead, nrQuerycap, &c); err != nil {
		return err
	}
	caps := c.capabilities
	if caps&capDeviceCaps != 0 { // of this node: a camera has others, for metadata
		caps = c.deviceCaps
	}
	if caps&capCapture == 0 || caps&capStreaming == 0 {
		return unix.ENOTTY
	}
	return nil
}

func (d *v4l2) set(want format) (format, error) {
	f := pixFormat{kind: typeCapture}
	f.pix.width, f.pix.height, f.pix.pixelformat, f.pix.field = uint32(want.width), uint32(want.height), want.code, fieldNone
	if err := call(d, dirRead|dirWrite, nrSetFormat, &f); err != nil {
		return format{}, refused(d.path, err)
	}
	got := format{code: f.pix.pixelformat, width: int(f.pix.width), height: int(f.pix.height), stride: int(f.pix.bytesperline)}
	p := streamParm{kind: typeCapture, numerator: 1, denominator: 30}
	if err := call(d, dirRead|dirWrite, nrSetParm, &p); err == nil && p.numerator > 0 { // not all drivers can
		got.rate = int(p.denominator / p.numerator)
	}
	return got, nil
}

// stream makes buffers, hands them to the kernel and starts the camera.
func (d *v4l2) stream() error {
	r := requestBuffers{count: bufferCount, kind: typeCapture, memory: memoryMmap}
	if err := call(d, dirRead|dirWrite, nrRequestBuffers, &r); err != nil {
		return err
	}
	for i := range min(r.count, bufferCount) {
		b := buffer{index: i, kind: typeCapture, memory: memoryMmap}
		if err := call(d, dirRead|dirWrite, nrQueryBuffer, &b); err != nil {
			return err
		}
		if b.length > maxBuffer {
			return fmt.Errorf("it wants a buffer of %d bytes", b.length)
		}
		m, err := unix.Mmap(d.fd, int64(b.m.offset), int(b.length), unix.PROT_READ, unix.MAP_SHARED)
		if err != nil {
			return err
		}
		d.buffers = append(d.buffers, m)
		if err := d.queue(i); err != nil {
			return err
		}
	}
	kind := int32(typeCapture)
	return call(d, dirWrite, nrStreamOn, &kind)
}

func (d *v4l2) queue(index uint32) error {
	return call(d, dirRead|dirWrite, nrQueue, &buffer{index: index, kind: typeCapture, memory: memoryMmap})
}

func (d *v4l2) frame(wait time.Duration) ([]byte, error) {
	if d.buffers == nil {
		if err := d.stream(); err != nil {
			return nil, refused(d.path, err)
		}
	}
	poll := []unix.PollFd{{Fd: int32(d.fd), Events: unix.POLLIN}}
	if n, err := unix.Poll(poll, int(wait.Milliseconds())); n == 0 || errors.Is(err, unix.EINTR) {
		return nil, os.ErrDeadlineExceeded
	} else if err != nil {
		return nil, err
	}
	// What waited in the other buffers is older, and stale.
	newest := -1
	for range d.buffers {
		b := buffer{kind: typeCapture, memory: memoryMmap}
		err := call(d, dirRead|dirWrite, nrDequeue, &b)
		if errors.Is(err, unix.EAGAIN) {
			break
		}
		if err != nil {
			return nil, err
		}
		if int(b.index) >= len(d.buffers) {
			return nil, fmt.Errorf("it names buffer %d of %d", b.index, len(d.buffers))
		}
		newest = int(b.index)
		d.last = d.last[:0]
		if m := d.buffers[newest]; b.flags&flagError == 0 {
			d.last = append(d.last, m[:min(int(b.bytesused), len(m))]...)
		}
		if err := d.queue(b.index); err != nil {
			return nil, err
		}
	}
	if newest < 0 {
		return nil, os.ErrDeadlineExceeded
	}
	return d.last, nil
}

func (d *v4l2) Close() error {
	kind := int32(typeCapture)
	if d.buffers != nil {
		_ = call(d, dirWrite, nrStreamOff, &kind) // closing does the same
	}
	for _, m := range d.buffers {
		_ = unix.Munmap(m)
	}
	d.buffers = nil
	return unix.Close(d.fd)
}
