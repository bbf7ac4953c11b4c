// Run by Gradio when the pictures of `apis/page_view.py` are there; `element` and `trigger` are Gradio's.
// A pointer over a picture is told the class there; a click sends the pixel to Python.

function pixelAt(event) {
    const picture = event.target
    if (!picture.matches?.('figure img')) return null
    const scale = picture.naturalWidth / picture.clientWidth
    const clip = (value, length) => Math.max(0, Math.min(length - 1, Math.floor(value * scale)))
    return { picture, x: clip(event.offsetX, picture.naturalWidth), y: clip(event.offsetY, picture.naturalHeight) }
}

function contextOf(labels) {
    if (!labels.context) {
        const canvas = document.createElement('canvas')
        canvas.width = labels.naturalWidth
        canvas.height = labels.naturalHeight
        labels.context = canvas.getContext('2d', { willReadFrequently: true })
        labels.context.drawImage(labels, 0, 0)
    }
    return labels.context
}

function nameAt({ picture, x, y }) {
    const [red, green] = contextOf(picture.nextElementSibling).getImageData(x, y, 1, 1).data
    return JSON.parse(picture.parentElement.dataset.names)[red + 256 * green]
}

function tell(at, left, top) {
    const tip = element.querySelector('.tip')
    if (!tip) return
    tip.hidden = !at
    if (!at) return
    tip.textContent = nameAt(at)
    tip.style.left = `${left + 14}px`
    tip.style.top = `${top + 14}px`
}

element.addEventListener('pointermove', (event) => tell(pixelAt(event), event.clientX, event.clientY))
element.addEventListener('pointerleave', () => tell(null))
element.addEventListener('focusout', () => tell(null))
element.addEventListener('click', (event) => {
    const at = pixelAt(event)
    if (at) trigger('click', { x: at.x, y: at.y })
})

// By keyboard: the arrows move a pointer over the focused picture, Enter or the space bar is a click.
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }
element.addEventListener('keydown', (event) => {
    const picture = event.target
    if (!picture.matches?.('figure img')) return
    const { naturalWidth: width, naturalHeight: height } = picture
    const at = picture.at ?? { picture, x: Math.floor(width / 2), y: Math.floor(height / 2) }
    const move = ARROWS[event.key], go = event.key === 'Enter' || event.key === ' '
    if (!move && !go) return
    event.preventDefault()
    if (go) return trigger('click', { x: at.x, y: at.y })
    const moved = (value, step, length) => Math.max(0, Math.min(length - 1, value + step * Math.ceil(length / 28)))
    picture.at = { picture, x: moved(at.x, move[0], width), y: moved(at.y, move[1], height) }
    const box = picture.getBoundingClientRect(), scale = picture.clientWidth / width
    tell(picture.at, box.left + picture.at.x * scale - 14, box.top + picture.at.y * scale - 14)
})

// Numbers that are typed beyond a slider's range are clamped before Gradio sees them.
if (!window.clamps) {
    window.clamps = true
    document.addEventListener('input', ({ target }) => {
        if (!target.matches('input[type=number]') || target.value === '') return
        const range = target.closest('.block')?.querySelector('input[type=range]')
        if (!range) return
        const value = Math.max(Number(range.min), Math.min(Number(range.max), Number(target.value)))
        if (value !== Number(target.value)) target.value = value
    }, true)
}
