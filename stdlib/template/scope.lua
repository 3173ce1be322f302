-- scope: which variables a template's names mean, while it is compiled. A frame is the template or the body of a `for`;
-- an `if` makes none. A name that is no variable is a field of the data.

local scope = {}

-- A frame inside `outer` (nil: the template itself). `loop` holds the names of the Lua locals of a `for`. `locals` are lines
-- that declare locals where the frame begins, `objects` the locals that hold objects of its variables.
function scope.new(outer, loop)
  return { outer = outer, loop = loop, vars = {}, ended = outer and outer.ended or {}, locals = {}, objects = {} }
end

-- The variable of a name (in lower case) in this frame or around it.
function scope.find(frame, key)
  while frame do
    local var = frame.vars[key]
    if var then return var end
    frame = frame.outer
  end
end

-- The Lua local that holds a new variable of this frame.
function scope.declare(frame, key, code)
  local var = { code = code, frame = frame }
  frame.vars[key] = var
  return var
end

-- The loop that `loop.index` means here.
function scope.loop(frame)
  while frame do
    if frame.loop then return frame.loop end
    frame = frame.outer
  end
end

-- Remembers that the loop variable of this frame is gone.
function scope.close(frame, key)
  frame.ended[key] = true
end

-- Whether the name was the variable of a loop that has ended.
function scope.ended(frame, key)
  return frame.ended[key]
end

return scope
