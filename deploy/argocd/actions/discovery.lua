-- The actions that Argo CD offers for a DockerRun; all are disabled after the run has ended.
local ended = obj.status ~= nil and obj.status.completionTime ~= nil
local suspended = obj.spec.suspend == true
local cancelled = obj.spec.cancel == true

return {
  suspend = { disabled = ended or cancelled or suspended, iconClass = "fa fa-fw fa-pause" },
  resume = { disabled = ended or cancelled or not suspended, iconClass = "fa fa-fw fa-play" },
  cancel = { disabled = ended or cancelled, iconClass = "fa fa-fw fa-stop" },
}
