package optics

import "math"

// view maps between pixels of the picture and modules of the panel.
type view struct {
	scene    Scene
	to, from matrix // panel to flat picture and back
}

// focal is the focal length in heights of the picture: 40 degrees from top to
// bottom, as webcams have.
const focal = 1.3737

// matrix is a homography, row by row.
type matrix [9]float64

func (m matrix) apply(x, y float64) (float64, float64) {
	w := m[6]*x + m[7]*y + m[8]
	return (m[0]*x + m[1]*y + m[2]) / w, (m[3]*x + m[4]*y + m[5]) / w
}

// inverse is the adjugate: a homography has no scale of its own.
func (m matrix) inverse() matrix {
	return matrix{
		m[4]*m[8] - m[5]*m[7], m[2]*m[7] - m[1]*m[8], m[1]*m[5] - m[2]*m[4],
		m[5]*m[6] - m[3]*m[8], m[0]*m[8] - m[2]*m[6], m[2]*m[3] - m[0]*m[5],
		m[3]*m[7] - m[4]*m[6], m[1]*m[6] - m[0]*m[7], m[0]*m[4] - m[1]*m[3],
	}
}

// newView is the view of a panel of w by h modules.
func newView(s Scene, w, h int) *view {
	sr, cr := math.Sincos(s.Rotation * math.Pi / 180)
	sx, cx := math.Sincos(s.TiltX * math.Pi / 180)
	sy, cy := math.Sincos(s.TiltY * math.Pi / 180)
	// The columns are the panel's axes after turning in its plane, about the
	// horizontal and about the vertical axis. The panel is 1 high.
	ax, ay, az := cr*cy+sr*sx*sy, sr*cx, -cr*sy+sr*sx*cy
	bx, by, bz := -sr*cy+cr*sx*sy, cr*cx, sr*sy+cr*sx*cy
	distance, height := focal/s.Fill, float64(s.Height)
	tx, ty := s.X/height*distance/focal, s.Y/height*distance/focal
	k := 1 / float64(h)                        // panel heights to a module
	ox, oy := -float64(w)*k/2, -float64(h)*k/2 // its top left corner
	var m matrix
	for i, c := range [3][3]float64{{ax, bx, tx}, {ay, by, ty}, {az, bz, distance}} {
		f := focal * height
		if i == 2 {
			f = 1
		}
		m[3*i], m[3*i+1], m[3*i+2] = f*c[0]*k, f*c[1]*k, f*(c[0]*ox+c[1]*oy+c[2])
	}
	return &view{scene: s, to: m, from: m.inverse()}
}

// panel gives the place on the panel, in modules, that pixel position (px, py) sees.
func (v *view) panel(px, py float64) (x, y float64) {
	px, py = px-float64(v.scene.Width)/2, py-float64(v.scene.Height)/2
	f := 1 + v.scene.Lens*(px*px+py*py)/v.corner()
	return v.from.apply(px*f, py*f)
}

// project is the inverse of panel: the lens is undone by repeated division.
func (v *view) project(x, y float64) (px, py float64) {
	fx, fy := v.to.apply(x, y)
	px, py = fx, fy
	for range 30 {
		f := 1 + v.scene.Lens*(px*px+py*py)/v.corner()
		px, py = fx/f, fy/f
	}
	return px + float64(v.scene.Width)/2, py + float64(v.scene.Height)/2
}

// corner is the square of the distance from the middle to a corner.
func (v *view) corner() float64 {
	w, h := float64(v.scene.Width)/2, float64(v.scene.Height)/2
	return w*w + h*h
}
