-- Argo CD's health of a DockerRunSet, from the conditions that its controller sets.
local health = { status = "Progressing", message = "The controller has not processed the set yet." }
local status = obj.status
if status == nil or status.observedGeneration ~= obj.metadata.generation then
  return health
end

local holds = {}
for _, condition in ipairs(status.conditions or {}) do
  holds[condition.type] = condition.status == "True"
end

if holds.Ready then
  health.status = "Healthy"
elseif holds.Stalled then
  health.status = "Degraded"
elseif holds.Paused then
  health.status = "Suspended"
end
health.message = (status.phase or "") .. ": " .. (status.message or "")
return health
