package show

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"

	"coldsign/shared/fault"
)

// maxPage bounds a page: a browser holds all codes at once.
const maxPage = 64 << 20 // bytes of codes

const pageStyle = `html,body{margin:0;height:100%;background:#fff;color:#000;font:16px sans-serif;color-scheme:only light}
body{display:flex;flex-direction:column;align-items:center;justify-content:center}
canvas{image-rendering:pixelated;flex:none}p{margin:4px}`

// pageScript draws the codes that stand as base64 in the element "codes": bits row
// by row, each code padded to whole bytes. The canvas has one pixel a module; on
// the screen a module is a whole number of the screen's own pixels. Pictures fall
// due by the clock, since a screen's refresh rarely divides their time.
const pageScript = `"use strict";
const codes=document.getElementById("codes"),line=document.getElementById("line"),canvas=document.querySelector("canvas"),g=canvas.getContext("2d");
const raw=Uint8Array.from(atob(codes.textContent.trim()),c=>c.charCodeAt(0)),side=+codes.dataset.side,quiet=4,cell=side+2*quiet;
const size=Math.ceil(side*side/8),count=raw.length/size,grids=[[1,1],[2,1],[2,2],[3,2]];
let columns=+codes.dataset.columns,rows=+codes.dataset.rows,rate=+codes.dataset.rate,at=0,paused=false,due=performance.now()+1000/rate;
function place(n,left,top,image){for(let i=0;i<side*side;i++)if(raw[n*size+(i>>3)]>>(7-(i&7))&1){
const p=4*((top+(i/side|0))*image.width+left+i%side);image.data[p]=image.data[p+1]=image.data[p+2]=0}}
function draw(){const w=canvas.width=columns*cell,h=canvas.height=rows*cell,image=g.createImageData(w,h);image.data.fill(255);
for(let k=0;k<columns*rows;k++)place((at+k)%count,k%columns*cell+quiet,(k/columns|0)*cell+quiet,image);
g.putImageData(image,0,0);
const px=Math.max(1,Math.floor(Math.min(innerWidth/w,(innerHeight-70)/h)*devicePixelRatio))/devicePixelRatio;
canvas.style.width=w*px+"px";canvas.style.height=h*px+"px";
line.textContent=(at+1)+" of "+count+", "+rate+" a second"+(paused?", paused":"")+" - space pause, arrows step, + - speed, g grid, f full screen"}
function step(n){at=((at+n*columns*rows)%count+count)%count;draw()}
function tick(t){const each=1000/rate;if(!paused&&t>=due-4){due=(t-due>each?t:due)+each;step(1)}requestAnimationFrame(tick)}
const keys={" "(){paused=!paused},ArrowRight(){paused=true;step(1)},ArrowLeft(){paused=true;step(-1)},
"+"(){rate=Math.min(30,rate+1)},"="(){keys["+"]()},"-"(){rate=Math.max(1,rate-1)},
g(){[columns,rows]=grids[(grids.findIndex(x=>x[0]===columns&&x[1]===rows)+1)%grids.length]},
f(){document.fullscreenElement?document.exitFullscreen():document.documentElement.requestFullscreen()}};
addEventListener("keydown",e=>{if(e.ctrlKey||e.altKey||e.metaKey||!Object.hasOwn(keys,e.key))return;e.preventDefault();keys[e.key]();draw()});
addEventListener("resize",draw);draw();requestAnimationFrame(tick);`

// HTML makes a page for a second screen that needs nothing beside itself: one
// style, one script, both named by their hash in its Content-Security-Policy, and
// the codes. It loads nothing and sends nothing.
func (l Layout) HTML(title string, frames Stream, count uint64, perSecond float64) ([]byte, error) {
	l = l.fixed()
	var bits []byte
	side := 0
	for n := range count {
		m, err := frames(n)
		if err != nil {
			return nil, err
		}
		if side = m.Size; count > maxPage/uint64(side*side/8) {
			return nil, fault.New("show.size", "use --profile dense, or show it in the terminal", "%d codes are too many for a page", count)
		}
		packed := make([]byte, (side*side+7)/8)
		for i, dark := range m.Dark {
			if dark {
				packed[i/8] |= 0x80 >> (i % 8)
			}
		}
		bits = append(bits, packed...)
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'sha256-%s'; script-src 'sha256-%s'; base-uri 'none'; form-action 'none'">
<title>%s</title><style>%s</style></head>
<body><p>%s</p><canvas role="img" aria-label="QR code"></canvas><p id="line"></p>
<div id="codes" hidden data-side="%d" data-columns="%d" data-rows="%d" data-rate="%s">%s</div>
<script>%s</script></body></html>
`, hash(pageStyle), hash(pageScript), escape(title), pageStyle, escape(title), side, l.Columns, l.Rows,
		strconv.FormatFloat(perSecond, 'f', -1, 64), base64.StdEncoding.EncodeToString(bits), pageScript)
	return []byte(b.String()), nil
}

func hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return base64.StdEncoding.EncodeToString(sum[:])
}

func escape(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&#34;", "'", "&#39;").Replace(s)
}
