-- The actions that Argo CD offers for a DockerRunSet; all are disabled once it is cancelled.
local suspended = obj.spec.suspend == true
local cancelled = obj.spec.cancel == true

return {
  suspend = { disabled = cancelled or suspended, iconClass = "fa fa-fw fa-pause" },
  resume = { disabled = cancelled or not suspended, iconClass = "fa fa-fw fa-play" },
  cancel = { disabled = cancelled, iconClass = "fa fa-fw fa-stop" },
}
