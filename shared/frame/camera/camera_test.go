package camera

import (
	"bytes"
	"errors"
	"image"
	"image/jpeg"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"coldsign/shared/fault"
	"coldsign/shared/frame/picture"
	"coldsign/shared/frame/scan"
)

// fake is a camera that offers some formats and gives some frames; then err.
type fake struct {
	offers []format
	frames [][]byte
	err    error
	setErr error
	closed int
	now    format
}

func (f *fake) set(want format) (format, error) {
	if f.setErr != nil {
		return format{}, f.setErr
	}
	f.now = f.offers[0] // a driver that lacks the format takes another
	for _, o := range f.offers {
		if o.code == want.code && f.now.code != want.code || o.code == want.code && o.width == want.width {
			f.now = o
		}
	}
	return f.now, nil
}

func (f *fake) frame(wait time.Duration) ([]byte, error) {
	if len(f.frames) == 0 {
		if errors.Is(f.err, os.ErrDeadlineExceeded) {
			time.Sleep(wait)
		}
		return nil, f.err
	}
	data := f.frames[0]
	if f.frames = f.frames[1:]; data == nil { // nothing this time
		time.Sleep(wait)
		return nil, os.ErrDeadlineExceeded
	}
	return data, nil
}

func (f *fake) Close() error { f.closed++; return nil }

func TestChoice(t *testing.T) {
	at := func(code uint32, width, height, rate int) format {
		return format{code: code, width: width, height: height, rate: rate}
	}
	h264 := at('H'|'2'<<8|'6'<<16|'4'<<24, 1920, 1080, 30)
	for name, c := range map[string]struct {
		offers []format
		want   format
	}{
		"yuyv first":         {[]format{at(mjpg, 1920, 1080, 30), at(mjpg, 1280, 720, 30), at(yuyv, 1280, 720, 30)}, at(yuyv, 1280, 720, 30)},
		"rate not known":     {[]format{at(mjpg, 1280, 720, 0), at(yuyv, 1280, 720, 0)}, at(yuyv, 1280, 720, 0)},
		"yuyv too slow":      {[]format{at(yuyv, 1280, 720, 10), at(mjpg, 1280, 720, 30)}, at(mjpg, 1280, 720, 30)},
		"only 1080p":         {[]format{at(mjpg, 1920, 1080, 30)}, at(mjpg, 1920, 1080, 30)},
		"infrared":           {[]format{at(grey, 640, 360, 15)}, at(grey, 640, 360, 15)},
		"fast before sharp":  {[]format{at(yuyv, 1280, 720, 5), at(yuyv, 640, 480, 30)}, at(yuyv, 640, 480, 30)},
		"telephone":          {[]format{at(nv12, 1280, 720, 30)}, at(nv12, 1280, 720, 30)},
		"all slow":           {[]format{h264, at(mjpg, 800, 600, 5), at(yuyv, 1280, 720, 5)}, at(yuyv, 1280, 720, 5)},
		"h264 and something": {[]format{h264, at(yuyv, 800, 600, 30)}, at(yuyv, 800, 600, 30)},
	} {
		dev := &fake{offers: c.offers}
		cam, err := start("/dev/x", dev)
		if err != nil || cam.format != c.want || dev.now != c.want {
			t.Errorf("%s: %+v set, %v", name, dev.now, err)
		}
	}
	for name, offer := range map[string]format{
		"h264": h264, "no pixels": at(yuyv, 0, 0, 30), "thumbnail": at(yuyv, 160, 120, 30), "huge": at(mjpg, 1<<14, 1<<14, 30),
		"vast": at(mjpg, 1<<31-1, 1<<31-1, 30), "long rows": {code: grey, width: 640, height: 480, stride: 1 << 30},
	} {
		dev := &fake{offers: []format{offer}}
		if _, err := start("/dev/x", dev); fault.Code(err) != "camera.type" || dev.closed != 1 {
			t.Errorf("%s: %v, closed %d times", name, err, dev.closed)
		}
	}
	busy := fault.New("camera.busy", "", "busy")
	dev := &fake{setErr: busy}
	if _, err := start("/dev/x", dev); err != busy || dev.closed != 1 {
		t.Errorf("busy: %v", err)
	}
}

// The same scene in every format gives the same luma, padding at the end of rows
// and of the picture or not.
func TestFormats(t *testing.T) {
	const w, h = 320, 240
	luma := make([]byte, w*h)
	for i := range luma {
		luma[i] = byte(i%w/3 + i/w)
	}
	rows := func(step, stride, extra int) []byte {
		b := bytes.Repeat([]byte{0xee}, stride*h+extra)
		for i, v := range luma {
			b[i/w*stride+i%w*step] = v
		}
		return b
	}
	img := &image.Gray{Pix: luma, Stride: w, Rect: image.Rect(0, 0, w, h)}
	var j bytes.Buffer
	if err := jpeg.Encode(&j, img, &jpeg.Options{Quality: 100}); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		f         format
		data      []byte
		tolerance int
	}{
		"yuyv":        {format{code: yuyv, stride: 2 * w}, rows(2, 2*w, 0), 0},
		"yuyv padded": {format{code: yuyv, stride: 2*w + 64}, rows(2, 2*w+64, 100), 0},
		"grey":        {format{code: grey, stride: w}, rows(1, w, 0), 0},
		"nv12":        {format{code: nv12, stride: w + 32}, rows(1, w+32, (w+32)*h/2), 0},
		"mjpg":        {format{code: mjpg}, append(j.Bytes(), make([]byte, 500)...), 3},
	} {
		c.f.width, c.f.height, c.f.rate = w, h, 30
		cam, err := start("/dev/x", &fake{offers: []format{c.f}, frames: [][]byte{c.data}})
		if err != nil {
			t.Fatal(err)
		}
		p, err := cam.Next()
		if err != nil || p.Width != w || p.Height != h {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for i, want := range luma {
			if d := int(p.Pix[i/w*p.Stride+i%w]) - int(want); d > c.tolerance || -d > c.tolerance {
				t.Errorf("%s: pixel %d is wrong by %d", name, i, d)
				break
			}
		}
		if !strings.HasSuffix(cam.Format(), "320 by 240") || strings.ToLower(cam.Format()[:4]) != name[:4] {
			t.Errorf("%s is named %q", name, cam.Format())
		}
	}
}

func small(frames [][]byte, err error) (*Camera, *fake) {
	dev := &fake{offers: []format{{code: grey, width: 320, height: 240, stride: 320}}, frames: frames, err: err}
	cam, e := start("/dev/video7", dev)
	if e != nil {
		panic(e)
	}
	return cam, dev
}

// A camera that is unplugged in mid-scan: what was seen is handed over, and the
// error says what to do.
func TestUnplugged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		good := make([]byte, 320*240)
		cam, dev := small([][]byte{good, nil, good[:100], {}, good, nil, nil, good}, syscall.ENODEV)
		read := 0
		stats, err := scan.Run(t.Context(), cam, func(*picture.Plane) []bool { return nil }, true, func([]bool) bool { read++; return false })
		if read != 3 || stats.Lost != 2 || fault.Code(stats.Loss) != "picture.damaged" {
			t.Errorf("%d read, %+v", read, stats)
		}
		if fault.Code(err) != "camera.lost" || !errors.Is(err, syscall.ENODEV) || !strings.Contains(err.Error(), `"/dev/video7"`) ||
			!strings.Contains(err.Error(), "plug it in and run the same command again") {
			t.Errorf("%v", err)
		}
		if err := errors.Join(cam.Close(), cam.Close()); err != nil || dev.closed != 1 {
			t.Errorf("closed %d times, %v", dev.closed, err)
		}
		if _, err := cam.Next(); err != io.EOF {
			t.Errorf("after Close: %v", err)
		}
	})
}

// A camera that gives nothing, or rubbish only, is lost too.
func TestSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cam, _ := small(nil, os.ErrDeadlineExceeded)
		start := time.Now()
		if _, err := cam.Next(); fault.Code(err) != "camera.lost" || time.Since(start) != silence*turn {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		cam, _ = small(make([][]byte, 0), nil) // empty frames, without end
		for i := 0; ; i++ {
			_, err := cam.Next()
			if fault.Code(err) == "camera.lost" {
				if i != maxBad {
					t.Errorf("lost after %d pictures", i)
				}
				break
			}
			if !picture.IsLost(err) || i > maxBad {
				t.Fatalf("picture %d: %v", i, err)
			}
		}
	})
}

// waiting is a camera that gives nothing, and tells when it is asked.
type waiting struct {
	fake
	asked chan bool
}

func (w *waiting) frame(wait time.Duration) ([]byte, error) {
	select {
	case w.asked <- true:
	default:
	}
	return w.fake.frame(wait)
}

// Close from elsewhere ends a Next that waits, after a turn.
func TestCloseEndsNext(t *testing.T) {
	_, dev := small(nil, os.ErrDeadlineExceeded)
	w := &waiting{*dev, make(chan bool)}
	cam, err := start("/dev/video7", w)
	if err != nil {
		t.Fatal(err)
	}
	end := make(chan error)
	go func() { _, err := cam.Next(); end <- err }()
	<-w.asked
	if err := cam.Close(); err != nil {
		t.Error(err)
	}
	if err := <-end; err != io.EOF || w.closed != 1 {
		t.Errorf("%v, closed %d times", err, w.closed)
	}
}

func TestTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		good := make([]byte, 320*240)
		cam, _ := small([][]byte{nil, good, nil, nil, good}, nil)
		for _, want := range []time.Duration{0, 2 * turn} {
			if p, err := cam.Next(); err != nil || p.Time != want {
				t.Errorf("%v, %v", p, err)
			}
		}
	})
}
